// The one table of reasons: what each means on the wire, on the command line, and for a retry.

import type { Reason as WireReason } from "../proto/keybroker/v1/reason_pb.ts";

/** A canonical gRPC status, by name and number (https://grpc.io/docs/guides/status-codes/). */
export const Status = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/**
 * Whether the same call may succeed later: `no`; `yes`, at once and anywhere; `hint`, after the delay the error
 * names (or a second), and at the same endpoint alone, so that a troubled provider is not asked by everyone.
 */
export type Retry = "no" | "yes" | "hint";

/** A row of the table. */
export interface ReasonRow {
  readonly status: keyof typeof Status;
  /** The command line's exit status. */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6 | 7;
  readonly retry: Retry;
}

/** A reason's name: the proto's Reason without its prefix, and what google.rpc.ErrorInfo carries. */
export type Reason = Exclude<keyof typeof WireReason, "UNSPECIFIED">;

/** Every reason; docs/api.md is made from this. A new reason without a row does not compile. */
export const reasons: Readonly<Record<Reason, ReasonRow>> = {
  REQUEST_INVALID: { status: "INVALID_ARGUMENT", exit: 2, retry: "no" },
  FIELD_UNKNOWN: { status: "UNIMPLEMENTED", exit: 2, retry: "no" },
  IDENTITY_UNKNOWN: { status: "UNAUTHENTICATED", exit: 3, retry: "no" },
  DENIED: { status: "PERMISSION_DENIED", exit: 3, retry: "no" },
  KEY_STOPPED: { status: "FAILED_PRECONDITION", exit: 3, retry: "no" },
  KEY_DISABLED: { status: "FAILED_PRECONDITION", exit: 3, retry: "no" },
  ENVELOPE_REFUSED: { status: "INVALID_ARGUMENT", exit: 4, retry: "no" },
  PROVIDER_UNAVAILABLE: { status: "UNAVAILABLE", exit: 5, retry: "hint" },
  PROVIDER_TIMEOUT: { status: "DEADLINE_EXCEEDED", exit: 5, retry: "hint" },
  QUOTA: { status: "RESOURCE_EXHAUSTED", exit: 7, retry: "hint" },
  OVERLOADED: { status: "RESOURCE_EXHAUSTED", exit: 7, retry: "hint" },
  AUDIT_UNAVAILABLE: { status: "UNAVAILABLE", exit: 1, retry: "yes" },
  STORE_UNAVAILABLE: { status: "UNAVAILABLE", exit: 1, retry: "yes" },
  DRAINING: { status: "UNAVAILABLE", exit: 6, retry: "yes" },
  INTERNAL: { status: "INTERNAL", exit: 1, retry: "no" },
};
