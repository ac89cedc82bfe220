// The one place that holds the order of a call: identify, validate, authorise, audit, act, audit, reply.

import { hash } from "node:crypto";
import type { AuditRecord } from "../audit/audit.ts";
import type { Soon } from "../broker/broker.ts";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Reason } from "../errors/index.ts";
import type { Identity } from "../identity/identity.ts";
import { wipe } from "../secret/index.ts";
import type { Caller, Graph, Service } from "./graph.ts";
import type { Operation, Subject } from "./operation.ts";
import { CallScope } from "./scope.ts";
import type { Bounds } from "./scope.ts";

/** A call on its way: what the audit will say of it, filled in as it becomes known. */
interface Progress {
  readonly call: number;
  identity?: Identity;
  subject?: Subject;
  /** The key's present name, once it is known to exist and to be the identity's. */
  key?: string;
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
 * has a record before it too. Throws BrokerError alone; every failure is audited as well. The caller of `perform`
 * wipes the request's and the response's plaintext.
 */
export async function perform<Request, Response extends object, S extends Subject, Permitted>(
  service: Service,
  graph: Graph,
  caller: Caller,
  operation: Operation<Request, Response, S, Permitted>,
  request: Request,
  bounds: Bounds,
): Promise<Response> {
  const startedMs = performance.now();
  const progress: Progress = { call: ++calls };
  const attempt = () => graph.audit.append(recordOf("attempt", graph, caller, operation.name, progress));
  const scope = new CallScope(bounds, graph.configuration.limits.callTimeoutMs, attempt);
  let response: Response | undefined;
  let failure: BrokerError | undefined;
  try {
    const acting = proceed(graph, caller, operation, request, progress, scope);
    response = acting instanceof Promise ? await acting : acting;
  } catch (error) {
    failure = refusalOf(service, operation.name, error);
  }
  scope.end();
  const outcome = failure?.reason ?? "done";
  const record = recordOf("result", graph, caller, operation.name, progress, outcome, response);
  try {
    await graph.audit.append(record);
  } catch (error) {
    failure = refusalOf(service, operation.name, error);
  }
  service.observe(operation.name, failure?.reason ?? "done", (performance.now() - startedMs) / 1000);
  if (failure === undefined) return response!;
  wipe((response as { plaintext?: Uint8Array } | undefined)?.plaintext);
  throw failure;
}

function proceed<Request, Response, S extends Subject, Permitted>(
  graph: Graph,
  caller: Caller,
  operation: Operation<Request, Response, S, Permitted>,
  request: Request,
  progress: Progress,
  scope: CallScope,
): Soon<Response> {
  const identity = (progress.identity = identify(graph, caller));
  const subject = operation.read(request);
  progress.subject = subject;
  const permitted = operation.authorise(graph, identity, subject);
  progress.key = (permitted as { name?: string }).name;
  return operation.act({ graph, identity, request, subject, scope }, permitted);
}

function identify(graph: Graph, caller: Caller): Identity {
  const identity = caller.identity(graph);
  if (identity !== undefined) return identity;
  throw new BrokerError("IDENTITY_UNKNOWN", `no identity of listener ${caller.listener} matches this connection`);
}

/** What the caller is told. Causes and faults go to the log. */
function refusalOf(service: Service, operation: string, error: unknown): BrokerError {
  const known = isBrokerError(error);
  if (!known || !callersFault.has(error.reason)) service.fault(operation, error);
  return known ? error : new BrokerError("INTERNAL", "the daemon failed: its log says why", { cause: error });
}

function recordOf(
  event: "attempt" | "result",
  graph: Graph,
  caller: Caller,
  operation: string,
  progress: Progress,
  outcome?: AuditRecord["outcome"],
  response?: object,
): AuditRecord {
  const { call, identity, subject, key } = progress;
  return {
    event,
    call,
    listener: caller.listener,
    identity: identity?.name,
    operation,
    key: key ?? subject?.keyName,
    envelope: fingerprint(subject?.envelopeBytes ?? (response as { envelope?: Uint8Array } | undefined)?.envelope),
    context: recordedContext(graph, subject),
    outcome,
  };
}

/** SHA-256, the first 16 bytes, in hex. */
function fingerprint(envelope: Uint8Array | undefined): string | undefined {
  return envelope && hash("sha256", envelope, "hex").slice(0, 32);
}

function recordedContext(graph: Graph, subject: Subject | undefined): Record<string, string> | undefined {
  const names = graph.configuration.audit.contextValues;
  const context = subject?.context;
  if (names.length === 0 || context === undefined) return undefined;
  const pairs = names.filter((name) => Object.hasOwn(context, name)).map((name) => [name, context[name]!]);
  return pairs.length === 0 ? undefined : (Object.fromEntries(pairs) as Record<string, string>);
}
