// The RPCs the client calls: path, and how requests and answers become messages and plain objects.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Reason } from "../errors/reason.ts";
import { KeyService } from "../proto/keybroker/v1/key_service_pb.ts";
import type { CheckResponse } from "../proto/keybroker/v1/operation_pb.ts";
import { Reason as WireReason } from "../proto/keybroker/v1/reason_pb.ts";
import type { CheckOutput, OperationName } from "./types.ts";

/** One RPC. */
export interface Operation {
  /** The HTTP/2 path. */
  readonly path: string;
  /** Its field in Call and Result; undefined for what can only be called on its own. */
  readonly name: OperationName | undefined;
  decode(bytes: Uint8Array): unknown;
  /** The plain object that the caller gets for a response message. */
  output(message: unknown): unknown;
}

/** An operation from its descriptor. `output` defaults to the message itself, which has the right shape already. */
export function operationOf<Output extends DescMessage>(
  method: DescMethod & { output: Output },
  output: (message: MessageShape<Output>) => unknown = (message) => message,
  name?: OperationName,
): Operation {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    name,
    decode: (bytes) => fromBinary(method.output, bytes),
    output: output,
  };
}

/**
 * A request, encoded, from the caller's plain object. It has memory of its own: the call that takes it wipes it.
 * Throws a TypeError where a field has the wrong type.
 */
export function requestOf<Input extends DescMessage>(schema: Input, input: MessageInitShape<Input>): Buffer {
  try {
    const bytes = toBinary(schema, create(schema, input));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (error) {
    throw new TypeError(`${schema.name}: ${(error as Error).message}`, { cause: error });
  }
}

const methods = KeyService.method;

/** The operations that Call carries. */
export const operations: Readonly<Record<OperationName, Operation>> = {
  wrap: operationOf(methods.wrap, undefined, "wrap"),
  unwrap: operationOf(methods.unwrap, undefined, "unwrap"),
  generateDataKey: operationOf(methods.generateDataKey, undefined, "generateDataKey"),
  rewrap: operationOf(methods.rewrap, undefined, "rewrap"),
  check: operationOf(methods.check, checkOutput, "check"),
  inspect: operationOf(methods.inspect, undefined, "inspect"),
};

function checkOutput(response: CheckResponse): CheckOutput {
  const recipients = response.recipients.map((recipient) => ({ ...recipient, reason: reasonName(recipient.reason) }));
  return { ...response, reason: reasonName(response.reason), recipients };
}

const reasonNames = new Map<number, Reason>(
  Object.entries(WireReason)
    .filter(([name]) => name !== "UNSPECIFIED")
    .map(([name, number]) => [number, name as Reason]),
);

/** A reason of a newer daemon is shown as INTERNAL: there is a reason, and this copy cannot say more. */
function reasonName(number: number): Reason | undefined {
  return number === WireReason.UNSPECIFIED ? undefined : (reasonNames.get(number) ?? "INTERNAL");
}
