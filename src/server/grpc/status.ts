// How a failure looks on the wire: a canonical status with google.rpc.ErrorInfo, and RetryInfo where there is a hint.

import { Metadata } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { BrokerError, isBrokerError, reasons, Status } from "../../errors/index.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../proto/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../proto/google/rpc/status_pb.ts";

const domain = "keybroker";
const defaultRetryAfterMs = 1000;

/** A failure as google.rpc.Status: the error of a Result, and the details of a unary call's error. */
export function rpcStatus(error: BrokerError): MessageInitShape<typeof StatusSchema> {
  const row = reasons[error.reason];
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: error.reason, domain }))];
  if (row.retry === "hint" || error.retryAfterMs !== undefined) {
    // A Duration's fields are whole numbers: a fraction would not be encoded, and so crash the daemon.
    const retryDelay = durationFromMs(Math.ceil(error.retryAfterMs ?? defaultRetryAfterMs));
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return { code: Status[row.status], message: error.message, details };
}

/** A failure as grpc-js sends it: the status, and its details in the trailer that all gRPC libraries read. */
export function serviceError(error: unknown): ServiceError {
  const known = isBrokerError(error) ? error : new BrokerError("INTERNAL", "the daemon failed: its log says why");
  const status = create(StatusSchema, rpcStatus(known));
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  return { name: "ServiceError", message: status.message, code: status.code, details: status.message, metadata };
}
