// What a failed call rejects with, and how it is read from what the daemon sent.

import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { status as grpcStatus, type Metadata } from "@grpc/grpc-js";
import { reasons } from "../errors/reason.ts";
import type { Reason, ReasonRow } from "../errors/reason.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../proto/google/rpc/error_details_pb.ts";
import { StatusSchema, type Status } from "../proto/google/rpc/status_pb.ts";

const domain = "keybroker";

/** A canonical gRPC status, by name. */
export type StatusName = keyof typeof grpcStatus;

/** What a KeybrokerError carries beside its message. */
interface Details {
  readonly reason?: Reason | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly exit?: ReasonRow["exit"];
  readonly cause?: unknown;
}

/** A failed call. */
export class KeybrokerError extends Error {
  override readonly name = "KeybrokerError";
  /** Why, in the daemon's words; undefined when the transport failed and no daemon answered. */
  readonly reason: Reason | undefined;
  readonly status: StatusName;
  /** When to try again, in milliseconds, where the daemon said so. */
  readonly retryAfterMs: number | undefined;
  /** The exit status the command line gives for it. */
  readonly exit: ReasonRow["exit"];

  constructor(status: StatusName, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.reason = details.reason;
    this.retryAfterMs = details.retryAfterMs;
    this.exit = details.exit ?? (details.reason === undefined ? 6 : reasons[details.reason].exit);
  }
}

/** A failure that this library found by itself, under a reason of the table. */
export function ownError(reason: Reason, message: string): KeybrokerError {
  return new KeybrokerError(reasons[reason].status, message, { reason });
}

/** The error of a Result, or of the trailer `grpc-status-details-bin`. */
export function fromStatus(status: Status): KeybrokerError {
  const name = statusName(status.code);
  let info: { reason: string } | undefined;
  let retryAfterMs: number | undefined;
  for (const detail of status.details) {
    const found = anyUnpack(detail, ErrorInfoSchema);
    if (found?.domain === domain) info = found;
    const delay = anyUnpack(detail, RetryInfoSchema)?.retryDelay;
    if (delay !== undefined) retryAfterMs = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }
  if (info === undefined) return new KeybrokerError(name, status.message);
  // A newer daemon may have a reason that this copy of the table does not list: not the transport's all the same.
  if (!isReason(info.reason)) return new KeybrokerError(name, `${info.reason}: ${status.message}`, { exit: 1 });
  return new KeybrokerError(name, status.message, { reason: info.reason, retryAfterMs });
}

/**
 * The error of a call or stream that ended with a status. Our own cancellations never come here: CANCELLED is a
 * stream that the daemon reset, as one does that is stopped hard, and means no more than a connection that broke.
 */
export function fromTransport(error: { code: number; details: string; metadata?: Metadata }): KeybrokerError {
  const trailer = error.metadata?.get("grpc-status-details-bin")[0];
  const sent = trailer instanceof Uint8Array ? readStatus(trailer) : undefined;
  if (sent) return fromStatus(sent);
  if (statusName(error.code) === "CANCELLED") return new KeybrokerError("UNAVAILABLE", "the daemon broke the call off");
  return new KeybrokerError(statusName(error.code), error.details || "the connection ended");
}

function readStatus(bytes: Uint8Array): Status | undefined {
  try {
    return fromBinary(StatusSchema, bytes);
  } catch {
    return undefined; // Another program's trailer: the status itself still says what happened.
  }
}

function statusName(code: number): StatusName {
  return (grpcStatus[code] ?? "UNKNOWN") as StatusName;
}

function isReason(name: string): name is Reason {
  return Object.hasOwn(reasons, name);
}
