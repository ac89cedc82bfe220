// The one place that holds the order of a call: identify, validate, authorise, audit, act, audit, reply.

import type { AuditLog, AuditRecord } from "../audit/audit.ts";
import type { Soon } from "../broker/broker.ts";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Reason } from "../errors/index.ts";
import type { Identity } from "../identity/identity.ts";
import { wipe } from "../secret/index.ts";
import type { Caller, Graph, Service } from "./graph.ts";
import type { Operation, Subject } from "./operation.ts";
import { envelopeFacts, fingerprint, madeFacts, recordedContext } from "./recorded.ts";
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
  const attempt = async () => {
    graph.quotas.beforeProvider(draft.identity!);
    await audit.append({ ...draft, event: "attempt" });
  };
  const scope = new CallScope(bounds, configuration.limits.callTimeoutMs, attempt);
  const succeed = (response: Response) => {
    scope.end();
    countRefused(graph, draft, scope, (response as { reason?: unknown }).reason);
    return conclude(ending, audit, draft, response, undefined);
  };
  const fail = (error: unknown) => {
    scope.end();
    countRefused(graph, draft, scope, (error as { reason?: unknown }).reason);
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
  const identity = caller.identity(graph);
  if (!(identity instanceof Promise)) return proceedAs(identity, graph, caller, operation, request, draft, scope);
  return identity.then((found) => proceedAs(found, graph, caller, operation, request, draft, scope));
}

function proceedAs<Request, Response, S extends Subject, Permitted>(
  found: Identity | undefined,
  graph: Graph,
  caller: Caller,
  operation: Operation<Request, Response, S, Permitted>,
  request: Request,
  draft: Draft,
  scope: CallScope,
): Soon<Response> {
  const identity = known(found, caller);
  draft.identity = identity.name;
  const subject = operation.read(request);
  describe(draft, graph, subject);
  const act = (permitted: Permitted) => {
    // The key's present name: records under its former ones would be missed.
    draft.key = (permitted as { name?: string }).name ?? draft.key;
    draft.details = (permitted as { details?: Draft["details"] }).details;
    return operation.act({ graph, identity, request, subject, scope }, permitted);
  };
  const permitted = operation.authorise(graph, { identity, record: draft }, subject);
  return permitted instanceof Promise ? permitted.then(act) : act(permitted);
}

/** An envelope that a provider was asked for in vain: `check` answers so, what opens throws it. */
function countRefused({ quotas }: Graph, { identity }: Draft, scope: CallScope, reason: unknown): void {
  if (reason === "ENVELOPE_REFUSED" && scope.reachesProvider) quotas.providerRefused(identity!);
}

/** What the audit says of a request. */
function describe(
  draft: Draft,
  { configuration }: Graph,
  { keyName, envelope, envelopeBytes, context }: Subject,
): void {
  draft.key = keyName;
  if (envelopeBytes !== undefined) draft.envelope = fingerprint(envelopeBytes);
  if (envelope !== undefined) Object.assign(draft, envelopeFacts(envelope));
  if (context === undefined) return;
  draft.contextNames = Object.keys(context);
  draft.context = recordedContext(configuration.audit.contextValues, context);
}

function known(identity: Identity | undefined, { listener }: Caller): Identity {
  if (identity !== undefined) return identity;
  const what = `no identity of listener ${listener} matches this connection's socket, certificate or token`;
  throw new BrokerError("IDENTITY_UNKNOWN", what);
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
  if (envelope !== undefined && draft.envelope === undefined) {
    draft.envelope = fingerprint(envelope);
    Object.assign(draft, madeFacts(envelope));
  }
  draft.outcome = failure?.reason ?? "done";
  draft.durationUs = Math.round((performance.now() - ending.startedMs) * 1_000);
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
function draftOf({ listener, peer }: Caller, operation: string): Draft {
  return {
    event: "result",
    call: ++calls,
    listener,
    identity: undefined,
    operation,
    peer,
    key: undefined,
    envelope: undefined,
    branch: undefined,
    masterKeys: undefined,
    contextNames: undefined,
    context: undefined,
    decision: undefined,
    rule: undefined,
    grant: undefined,
    outcome: undefined,
    durationUs: undefined,
    details: undefined,
  };
}
