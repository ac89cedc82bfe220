// The one place that holds the order of a call: identify, validate, authorise, audit, act, audit, reply.

import { hash } from "node:crypto";
import type { AuditLog, AuditRecord } from "../audit/audit.ts";
import type { Soon } from "../broker/broker.ts";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Reason } from "../errors/index.ts";
import type { Identity } from "../identity/identity.ts";
import { wipe } from "../secret/index.ts";
import type { Caller, Graph, Service } from "./graph.ts";
import type { Operation, Subject } from "./operation.ts";
import { CallScope } from "./scope.ts";
import type { Bounds } from "./scope.ts";

/** What the audit will say of a call, filled in as it becomes known. */
type Draft = { -readonly [Field in keyof AuditRecord]: AuditRecord[Field] };

/** All that a call keeps while its record is written: many calls wait for one write, so that it is little. */
interface Ending {
  readonly service: Service;
  readonly operation: string;
  readonly startedMs: number;
}

let calls = 0;

/** Refusals that say nothing of our own health: the audit has them, the log need not. */
const callersFault: ReadonlySet<Reason> = new Set<Reason>([
  "REQUEST_INVALID",
  "FIELD_UNKNOWN",
  "IDENTITY_UNKNOWN",
  "DENIED",
  "KEY_STOPPED",
  "ENVELOPE_REFUSED",
  "QUOTA",
  "DRAINING",
]);

/**
 * Carries out one call. The answer is given only once its audit record is written; a call that reaches a provider
 * has a record before it too. Rejects with BrokerError alone; every failure is audited as well. The caller of `perform`
 * wipes the request's and the response's plaintext.
 */
export function perform<Request, Response extends object, S extends Subject, Permitted>(
  service: Service,
  graph: Graph,
  caller: Caller,
  operation: Operation<Request, Response, S, Permitted>,
  request: Request,
  bounds: Bounds,
): Promise<Response> {
  const ending = { service, operation: operation.name, startedMs: performance.now() };
  const draft = draftOf(caller, operation.name);
  const { audit, configuration } = graph;
  const attempt = () => audit.append({ ...draft, event: "attempt" });
  const scope = new CallScope(bounds, configuration.limits.callTimeoutMs, attempt);
  const succeed = (response: Response) => {
    scope.end();
    return conclude(ending, audit, draft, response, undefined);
  };
  const fail = (error: unknown) => {
    scope.end();
    return conclude<Response>(ending, audit, draft, undefined, refusalOf(ending, error));
  };
  try {
    const acting = proceed(graph, caller, operation, request, draft, scope);
    return acting instanceof Promise ? acting.then(succeed, fail) : succeed(acting);
  } catch (error) {
    return fail(error);
  }
}

function proceed<Request, Response, S extends Subject, Permitted>(
  graph: Graph,
  caller: Caller,
  operation: Operation<Request, Response, S, Permitted>,
  request: Request,
  draft: Draft,
  scope: CallScope,
): Soon<Response> {
  const identity = identify(graph, caller);
  draft.identity = identity.name;
  const subject = operation.read(request);
  draft.key = subject.keyName;
  draft.envelope = subject.envelopeBytes && fingerprint(subject.envelopeBytes);
  draft.context = recordedContext(graph, subject);
  const permitted = operation.authorise(graph, identity, subject);
  // The key's present name: records under its former ones would be missed.
  draft.key = (permitted as { name?: string }).name ?? draft.key;
  draft.details = (permitted as { details?: Draft["details"] }).details;
  return operation.act({ graph, identity, request, subject, scope }, permitted);
}

function identify(graph: Graph, caller: Caller): Identity {
  const identity = caller.identity(graph);
  if (identity !== undefined) return identity;
  throw new BrokerError("IDENTITY_UNKNOWN", `no identity of listener ${caller.listener} matches this connection`);
}

/** Writes the record, then answers. */
function conclude<Response extends object>(
  ending: Ending,
  audit: AuditLog,
  draft: Draft,
  response: Response | undefined,
  failure: BrokerError | undefined,
): Promise<Response> {
  const { envelope } = (response ?? {}) as { envelope?: Uint8Array };
  draft.envelope ??= envelope && fingerprint(envelope);
  draft.outcome = failure?.reason ?? "done";
  return audit.append(draft).then(
    () => reply(ending, response, failure),
    (error: unknown) => {
      wipe((response as { plaintext?: Uint8Array } | undefined)?.plaintext);
      return reply<Response>(ending, undefined, refusalOf(ending, error));
    },
  );
}

function reply<Response>(ending: Ending, response: Response | undefined, failure: BrokerError | undefined): Response {
  const { service, operation, startedMs } = ending;
  service.observe(operation, failure?.reason ?? "done", (performance.now() - startedMs) / 1000);
  if (failure !== undefined) throw failure;
  return response!;
}

/** What the caller is told. Causes and faults go to the log. */
function refusalOf({ service, operation }: Ending, error: unknown): BrokerError {
  const known = isBrokerError(error);
  if (!known || !callersFault.has(error.reason)) service.fault(operation, error);
  return known ? error : new BrokerError("INTERNAL", "the daemon failed: its log says why", { cause: error });
}

/** Every field from the start, so that all drafts have one shape. */
function draftOf({ listener }: Caller, operation: string): Draft {
  return {
    event: "result",
    call: ++calls,
    listener,
    identity: undefined,
    operation,
    key: undefined,
    envelope: undefined,
    context: undefined,
    outcome: undefined,
    details: undefined,
  };
}

/** SHA-256, the first 16 bytes, in hex. */
function fingerprint(envelope: Uint8Array): string {
  return hash("sha256", envelope, "hex").slice(0, 32);
}

function recordedContext(graph: Graph, subject: Subject): Record<string, string> | undefined {
  const names = graph.configuration.audit.contextValues;
  const { context } = subject;
  if (names.length === 0 || context === undefined) return undefined;
  const pairs = names.filter((name) => Object.hasOwn(context, name)).map((name) => [name, context[name]!]);
  return pairs.length === 0 ? undefined : (Object.fromEntries(pairs) as Record<string, string>);
}
