// Batch: many calls in one request, and their answers in the calls' order.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallSchema, Result } from "../proto/keybroker/v1/call_pb.ts";
import { BatchRequestSchema, KeyService, type BatchResponse } from "../proto/keybroker/v1/key_service_pb.ts";
import { fromStatus, KeybrokerError } from "./error.ts";
import { operationOf, operations, requestOf, type Operation } from "./operation.ts";
import type { BatchCall, BatchResult } from "./types.ts";

const operation = operationOf(KeyService.method.batch);

/** A batch, ready to be called. */
export interface Batch {
  readonly operation: Operation;
  readonly request: Buffer;
  /** The answers, from what the operation answered. */
  results(answer: unknown): BatchResult[];
}

/** Makes a batch. How many calls it may have is the daemon's to say. */
export function batchOf(calls: readonly BatchCall[]): Batch {
  const messages = calls.map(({ operation: name, input }, index) => ({
    id: BigInt(index + 1),
    operation: { case: name, value: input },
  }));
  return {
    operation,
    request: requestOf(BatchRequestSchema, { calls: messages as MessageInitShape<typeof CallSchema>[] }),
    results: (answer) => resultsOf(calls, (answer as BatchResponse).results),
  };
}

function resultsOf(calls: readonly BatchCall[], results: readonly Result[]): BatchResult[] {
  const byId = new Map(results.map((result) => [Number(result.id), result.result]));
  return calls.map(({ operation: name }, index) => {
    const result = byId.get(index + 1);
    if (result?.case === "error") return { operation: name, error: fromStatus(result.value) };
    if (result?.case === name) return { operation: name, output: operations[name].output(result.value) } as BatchResult;
    const message = "the daemon did not answer this call of the batch";
    return { operation: name, error: new KeybrokerError("INTERNAL", message, { exit: 1 }) };
  });
}
