// Requests from bytes: what protobuf refuses, and what this version does not know, are the caller's errors.

import { fromBinary } from "@bufbuild/protobuf";
import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { BrokerError } from "../../errors/index.ts";

/**
 * Decodes a request. Its byte fields are views of `bytes`.
 * Throws REQUEST_INVALID for what is no such message (invalid UTF-8 too), FIELD_UNKNOWN for a field we do not know.
 */
export function decodeRequest<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  let message: MessageShape<Desc>;
  try {
    message = fromBinary(schema, bytes);
  } catch (error) {
    throw new BrokerError("REQUEST_INVALID", `not a ${schema.name}: ${(error as Error).message}`);
  }
  refuseUnknown(message);
  return message;
}

/** Throws FIELD_UNKNOWN when the message has a field that this version does not know. */
export function refuseUnknown(message: Message): void {
  const field = message.$unknown?.[0];
  if (field === undefined) return;
  throw new BrokerError("FIELD_UNKNOWN", `${message.$typeName} has no field ${field.no} in this version of the daemon`);
}
