// Whether, when and where a failed call is tried again: the table of reasons, within the call's deadline.

import { reasons } from "../errors/reason.ts";
import type { KeybrokerError } from "./error.ts";

/** Where RetryInfo is missing. */
const defaultHintMs = 1_000;
const maxJitterMs = 25;

/** What to do with a failed try. */
export type Verdict =
  | { readonly retry: false }
  /** `same`: at the endpoint that failed, and no other; `any`: wherever there is one that works. */
  | { readonly retry: true; readonly where: "same" | "any"; readonly delayMs: number };

/** The facts of a failed try. */
export interface Failure {
  readonly error: KeybrokerError;
  /** Tries so far. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Since the call began. */
  readonly elapsedMs: number;
  /** How long a call goes on trying while no daemon can be reached. */
  readonly unreachableMs: number;
  /** Until the call's deadline. */
  readonly remainingMs: number;
  /** Until the first endpoint is worth asking again; 0 when one is now. */
  readonly backOffMs: number;
}

const no: Verdict = { retry: false };

/** Judges a failed try. A delay beyond the deadline is no retry: the caller learns the reason now, not a timeout later. */
export function judge(failure: Failure): Verdict {
  const { error } = failure;
  const rule = error.reason === undefined ? transportRule(error) : reasons[error.reason].retry;
  // A daemon that restarts is away for longer than a few tries take.
  const patient = error.reason === undefined && failure.elapsedMs < failure.unreachableMs;
  if (failure.attempts >= failure.maxAttempts && !patient) return no;
  if (rule === "no") return no;
  const verdict: Verdict =
    rule === "hint"
      ? { retry: true, where: "same", delayMs: jitter(error.retryAfterMs ?? defaultHintMs) }
      : { retry: true, where: "any", delayMs: jitter(failure.backOffMs) };
  return verdict.delayMs < failure.remainingMs ? verdict : no;
}

/** A status without a reason is the transport's: UNAVAILABLE means that nothing was answered, so others may. */
function transportRule(error: KeybrokerError): "yes" | "no" {
  return error.status === "UNAVAILABLE" && error.exit === 6 ? "yes" : "no";
}

/** Never less than the delay, so that a hint is kept; a little more, so that callers do not come back as one. */
function jitter(delayMs: number): number {
  return delayMs + Math.random() * Math.min(maxJitterMs + delayMs / 10, 250);
}
