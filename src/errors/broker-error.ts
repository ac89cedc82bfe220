// The one error that callers may see.

import type { Reason } from "./reason.ts";

const brand = Symbol.for("keybroker.BrokerError");

/** What an error may carry beside its reason and message. */
export interface BrokerErrorDetails {
  /** When to try again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** What happened beneath: for the log alone, never the wire. It must hold no secret. */
  readonly cause?: unknown;
}

/**
 * A failure with a stable reason. The message goes to the caller: it says what is wrong and what to do, and never
 * holds a secret or what another caller may not know.
 */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly reason: Reason;
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, details: BrokerErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
    this.retryAfterMs = details.retryAfterMs;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether this is a BrokerError, also one of another copy of this package: a provider from npm brings its own,
 * so `instanceof` would say no.
 */
export function isBrokerError(error: unknown): error is BrokerError {
  return typeof error === "object" && error !== null && brand in error;
}
