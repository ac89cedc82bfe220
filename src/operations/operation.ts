// What every operation is to `perform`: how to read a request, whom to let, what to do.

import type { Soon } from "../broker/broker.ts";
import type { KeyConfiguration } from "../config/configuration.ts";
import type { Context, Envelope } from "../envelope/types.ts";
import type { Identity } from "../identity/identity.ts";
import type { Graph } from "./graph.ts";
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
