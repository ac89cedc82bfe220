// Results as bytes: BatchResponse and SessionResponse are alike on the wire, and neither passes 4 MiB.

import { create, toBinary } from "@bufbuild/protobuf";
import { BrokerError } from "../../errors/index.ts";
import { StatusSchema } from "../../proto/google/rpc/status_pb.ts";
import { ResultSchema } from "../../proto/keybroker/v1/call_pb.ts";
import type { Result } from "../../proto/keybroker/v1/call_pb.ts";
import { SessionResponseSchema } from "../../proto/keybroker/v1/key_service_pb.ts";
import { wipe } from "../../secret/index.ts";
import { rpcStatus } from "./status.ts";

const maxMessageBytes = 4 * 1024 * 1024;
/** More than an error's result takes. */
const errorBytes = 512;

/** One message of results. A result that no longer fits is replaced by OVERLOADED; their data keys are wiped. */
export function encodeBatch(results: Result[], maxBytes = maxMessageBytes): Uint8Array {
  const bytes = encode(results);
  if (bytes.length <= maxBytes) return wiped(results, bytes);
  wipe(bytes);
  let leftBytes = maxBytes - errorBytes * results.length;
  const fitting = results.map((result) => {
    const alone = toBinary(ResultSchema, result);
    leftBytes -= alone.length;
    wipe(alone);
    return leftBytes >= 0 ? result : tooLarge(result.id);
  });
  return wiped(results, encode(fitting));
}

/** As many messages of results as it takes. The results' data keys are wiped. */
export function encodeFrames(results: Result[], maxBytes = maxMessageBytes): Uint8Array[] {
  const bytes = encode(results);
  if (bytes.length <= maxBytes || results.length === 1) return [wiped(results, bytes)];
  wipe(bytes);
  const middle = results.length >> 1;
  return [results.slice(0, middle), results.slice(middle)].flatMap((half) => encodeFrames(half, maxBytes));
}

function encode(results: Result[]): Uint8Array {
  return toBinary(SessionResponseSchema, { $typeName: "keybroker.v1.SessionResponse", results });
}

function wiped(results: Result[], bytes: Uint8Array): Uint8Array {
  for (const { result } of results) wipe((result.value as { plaintext?: Uint8Array } | undefined)?.plaintext);
  return bytes;
}

function tooLarge(id: bigint): Result {
  const error = new BrokerError("OVERLOADED", "the answer would pass 4 MiB: send fewer calls in one Batch");
  const value = create(StatusSchema, rpcStatus(error));
  return { $typeName: "keybroker.v1.Result", id, result: { case: "error", value } };
}
