// Batch: many calls in one request, their results in the same order.

import type { handleUnaryCall } from "@grpc/grpc-js";
import type { Service } from "../../operations/index.ts";
import { BatchRequestSchema } from "../../proto/keybroker/v1/key_service_pb.ts";
import { boundsOf, refuseWhenDraining, respond } from "./adapt.ts";
import type { CallerOf } from "./adapt.ts";
import { admitFrame, resultOf } from "./calls.ts";
import { decodeRequest } from "./decode.ts";
import { encodeBatch } from "./frame.ts";

/** The handler of KeyService.Batch. */
export function batch(service: Service, callerOf: CallerOf): handleUnaryCall<Buffer, Uint8Array> {
  return respond(async (call) => {
    refuseWhenDraining(service);
    const { calls } = decodeRequest(BatchRequestSchema, call.request);
    admitFrame(calls, new Set());
    const graph = service.graph();
    const caller = callerOf(call);
    const bounds = boundsOf(call);
    return encodeBatch(await Promise.all(calls.map((one) => resultOf(service, graph, caller, one, bounds))));
  });
}
