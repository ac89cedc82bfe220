// What every operation is to `perform`: how to read a request, whom to let, what to do.

import type { Soon } from "../broker/broker.ts";
import type { KeyConfiguration, Permission } from "../config/configuration.ts";
import type { Context, Envelope } from "../envelope/types.ts";
import type { Identity } from "../identity/identity.ts";
import { BrokerError } from "../errors/index.ts";
import { admit } from "./admission.ts";
import type { Graph } from "./graph.ts";
import { grantNeeds, underGrant } from "./granted.ts";
import type { CallScope } from "./scope.ts";

/** What a request is about: found by validation, before anyone is asked for permission. */
export interface Subject {
  /** The key's name as the request, or its envelope, has it. */
  readonly keyName?: string;
  readonly context?: Context;
  readonly contextHash?: Uint8Array;
  readonly envelope?: Envelope;
  /** The envelope's bytes, for the audit's fingerprint. */
  readonly envelopeBytes?: Uint8Array;
  /** A grant's document that the request brings; empty where it brings none. */
  readonly grant?: string;
}

/** What `act` works with: everything before it was allowed. */
interface Work<Request, S extends Subject> {
  readonly graph: Graph;
  readonly identity: Identity;
  readonly request: Request;
  readonly subject: S;
  readonly scope: CallScope;
}

/** Who asks, and where the audit learns what was said to it. */
export interface Asker {
  readonly identity: Identity;
  readonly record: {
    decision?: "allowed" | "denied";
    /** The index of the rule that allowed. */
    rule?: number;
    /** The grant that allowed. */
    grant?: string;
    /** The fingerprint of the envelope that the call brings. */
    readonly envelope?: string | undefined;
  };
}

/** One operation. `perform` calls its parts in order; nothing else does. */
export interface Operation<Request, Response, S extends Subject = Subject, Permitted = KeyConfiguration> {
  /** The word in audit records, metrics and logs. */
  readonly name: string;
  /** Validates by the request alone. Throws REQUEST_INVALID or ENVELOPE_REFUSED. */
  read(request: Request): S;
  /** Finds what the identity may act on; later where a grant must be found and charged. Throws DENIED. */
  authorise(graph: Graph, asker: Asker, subject: S): Soon<Permitted>;
  /** Does it. The response's `plaintext`, if it has one, is wiped by whoever sends it. */
  act(work: Work<Request, S>, permitted: Permitted): Soon<Response>;
}

/**
 * Authorises a permission on the subject's key: the policy, stops, quotas, and a grant where the rule asks for one. A key
 * that does not exist and one that is not the identity's take the same steps and get the same answer.
 */
export function onKey(permission: Permission) {
  const permit = onPlainKey(permission);
  return (graph: Graph, asker: Asker, subject: Subject): Soon<KeyConfiguration> => {
    const key = permit(graph, asker, subject);
    const admitted = admit(graph, asker, permission, key, subject);
    const needs = grantNeeds(graph, asker, permission, key, subject);
    if (needs === undefined && admitted === undefined) return key;
    return Promise.resolve(admitted)
      .then(() => needs && underGrant(graph, asker, key, subject, needs))
      .then(() => key);
  };
}

/** The policy alone, for administration: the configuration lets no rule ask for a quota or a grant of it. */
export function onPlainKey(permission: Permission) {
  return (graph: Graph, asker: Asker, subject: Subject): KeyConfiguration => {
    const { identity } = asker;
    const asked = subject.keyName ?? "";
    const key = graph.broker.key(asked);
    const decision = graph.policy.decide({ identity, permission, key: key?.name ?? asked, context: subject.context });
    if (key === undefined || !decision.allowed) throw denied(asker, permission, asked);
    asker.record.decision = "allowed";
    asker.record.rule = decision.rule;
    return key;
  };
}

/** The one refusal of the policy. */
export function denied({ identity, record }: Asker, permission: Permission, key?: string): BrokerError {
  record.decision = "denied";
  const where = key === undefined ? "" : ` with key ${key}`;
  return new BrokerError("DENIED", `no policy rule lets identity ${identity.name} ${permission}${where}`);
}
