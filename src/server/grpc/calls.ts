// Calls inside a Batch or a Session: one Call in, one Result out, whatever happens.

import { create } from "@bufbuild/protobuf";
import type { Message } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { BrokerError, isBrokerError } from "../../errors/index.ts";
import { perform } from "../../operations/index.ts";
import type { Bounds, Caller, Graph, Service } from "../../operations/index.ts";
import type { Call, Result } from "../../proto/keybroker/v1/call_pb.ts";
import { StatusSchema } from "../../proto/google/rpc/status_pb.ts";
import { wipe } from "../../secret/index.ts";
import { refuseUnknown } from "./decode.ts";
import { rpcs } from "./rpc.ts";
import type { Rpc } from "./rpc.ts";
import { rpcStatus } from "./status.ts";

const maxCalls = 1000;

/** Carries out one call. It never rejects: a failure is the result. Whoever encodes the result wipes its data key. */
export async function resultOf(
  service: Service,
  graph: Graph,
  caller: Caller,
  call: Call,
  bounds: Bounds,
): Promise<Result> {
  try {
    return {
      $typeName: "keybroker.v1.Result",
      id: call.id,
      result: await answerOf(service, graph, caller, call, bounds),
    };
  } catch (error) {
    return {
      $typeName: "keybroker.v1.Result",
      id: call.id,
      result: { case: "error", value: failureOf(service, error) },
    };
  }
}

/** Refuses a frame without calls, with too many, or with an id that is taken. Throws REQUEST_INVALID. */
export function checkFrame(calls: readonly Call[], taken: { has(id: bigint): boolean }): void {
  if (calls.length === 0) throw new BrokerError("REQUEST_INVALID", "a frame has at least one call");
  if (calls.length > maxCalls) {
    throw new BrokerError("REQUEST_INVALID", `a frame has at most ${maxCalls} calls, not ${calls.length}`);
  }
  const ids = new Set<bigint>();
  for (const { id } of calls) {
    if (ids.has(id) || taken.has(id)) throw new BrokerError("REQUEST_INVALID", `call id ${id} is in flight already`);
    ids.add(id);
  }
}

async function answerOf(
  service: Service,
  graph: Graph,
  caller: Caller,
  call: Call,
  bounds: Bounds,
): Promise<Result["result"]> {
  refuseUnknown(call);
  const { case: name, value: request } = call.operation;
  if (name === undefined) throw new BrokerError("REQUEST_INVALID", `call ${call.id} has no operation`);
  refuseUnknown(request);
  const rpc = rpcs[name] as unknown as Rpc<never, never, object>;
  try {
    const answer = await perform(service, graph, caller, rpc.operation, request as never, boundsOfCall(call, bounds));
    return { case: name, value: rpc.format(answer) as Message } as Result["result"];
  } finally {
    wipe((request as { plaintext?: Uint8Array }).plaintext);
  }
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
