// Errors: the table of reasons and the one error type.

export { BrokerError, isBrokerError } from "./broker-error.ts";
export type { BrokerErrorDetails } from "./broker-error.ts";
export { reasons, Status } from "./reason.ts";
export type { Reason, ReasonRow, Retry } from "./reason.ts";
