// Calls inside a Batch or a Session: one Call in, one Result out, whatever happens.

import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { BrokerError, isBrokerError } from "../../errors/index.ts";
import { perform } from "../../operations/index.ts";
import type { Bounds, Caller, Graph, Service } from "../../operations/index.ts";
import type { Call, Result } from "../../proto/keybroker/v1/call_pb.ts";
import { StatusSchema } from "../../proto/google/rpc/status_pb.ts";
import { wipe } from "../../secret/index.ts";
import { refuseUnknown } from "./decode.ts";
import { rpcs } from "./rpc.ts";
import type { Rpc, RpcName } from "./rpc.ts";
import { rpcStatus } from "./status.ts";

const maxCalls = 1000;

/** Carries out one call. It never rejects: a failure is the result. Whoever encodes the result wipes its data key. */
export function resultOf(service: Service, graph: Graph, caller: Caller, call: Call, bounds: Bounds): Promise<Result> {
  const { id, operation } = call;
  // The request itself is not kept while its record is written.
  const secret = (operation.value as { plaintext?: Uint8Array } | undefined)?.plaintext;
  const answer = (result: Result["result"]): Result => {
    wipe(secret);
    return { $typeName: "keybroker.v1.Result", id, result };
  };
  const fail = (error: unknown) => answer({ case: "error", value: failureOf(service, error) });
  try {
    const { name, rpc } = rpcOf(call);
    const { value: request } = operation;
    return perform(service, graph, caller, rpc.operation, request as never, boundsOfCall(call, bounds)).then(
      (response) => answer({ case: name, value: rpc.format(response) }),
      fail,
    );
  } catch (error) {
    return Promise.resolve(fail(error));
  }
}

/**
 * Takes a frame's ids among those in flight. Throws REQUEST_INVALID, and takes none, when the frame has no calls or too
 * many, or an id is in flight.
 */
export function admitFrame(calls: readonly Call[], inFlight: Set<bigint>): void {
  if (calls.length === 0) throw new BrokerError("REQUEST_INVALID", "a frame has at least one call");
  if (calls.length > maxCalls) {
    throw new BrokerError("REQUEST_INVALID", `a frame has at most ${maxCalls} calls, not ${calls.length}`);
  }
  for (const [index, { id }] of calls.entries()) {
    if (inFlight.has(id)) {
      for (const admitted of calls.slice(0, index)) inFlight.delete(admitted.id);
      throw new BrokerError("REQUEST_INVALID", `call id ${id} is in flight already`);
    }
    inFlight.add(id);
  }
}

/** Throws REQUEST_INVALID for a call without an operation, FIELD_UNKNOWN for what this version does not know. */
function rpcOf(call: Call): { name: RpcName; rpc: Rpc<never, never, object> } {
  refuseUnknown(call);
  const { case: name, value: request } = call.operation;
  if (name === undefined) throw new BrokerError("REQUEST_INVALID", `call ${call.id} has no operation`);
  refuseUnknown(request);
  return { name, rpc: rpcs[name] as unknown as Rpc<never, never, object> };
}

function boundsOfCall(call: Call, bounds: Bounds): Bounds {
  if (call.timeout === undefined) return bounds;
  const timeoutMs = durationMs(call.timeout);
  if (timeoutMs <= 0) throw new BrokerError("REQUEST_INVALID", `the timeout of call ${call.id} is not above 0`);
  return { ...bounds, deadlineMs: Math.min(bounds.deadlineMs, performance.now() + timeoutMs) };
}

function failureOf(service: Service, error: unknown) {
  if (isBrokerError(error)) return create(StatusSchema, rpcStatus(error));
  service.fault("call", error);
  return create(StatusSchema, rpcStatus(new BrokerError("INTERNAL", "the daemon failed: its log says why")));
}
