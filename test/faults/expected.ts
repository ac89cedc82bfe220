// What each fault may lead to: which errors tell it clearly, and whether a retry may get past it.

import type { Reason } from "../../src/errors/index.ts";
import type { Fault } from "./subject.ts";

/** What callers may see of a fault. */
export interface Expected {
  /** The reasons that say it clearly. */
  readonly reasons: readonly Reason[];
  /** Whether a call may succeed all the same: after a retry, or since the fault does not touch this backend's calls. */
  readonly maySucceed: boolean;
  /**
   * The first call after it may have to be tried again when the error's hint says so, as the client library does by
   * itself: a process that ended again and again is started again after a delay.
   */
  readonly mayNeedHint?: boolean;
}

/** It passes, and the caller is told so. */
const passing: readonly Reason[] = ["PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT"];
/** An answer that is not what it should be; a changed blob and a changed answer look alike. */
const lying: readonly Reason[] = ["PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT", "INTERNAL", "ENVELOPE_REFUSED"];
/** Somebody took the master key, or our right to it, away. */
const taken: readonly Reason[] = ["KEY_DISABLED"];

/** A fault that lasts and touches every call may not be got past: a success would mean that nothing was asked. */
export const expected: Readonly<Record<Fault, Expected>> = {
  hang: { reasons: passing, maySucceed: false },
  "slow answer": { reasons: passing, maySucceed: true },
  reset: { reasons: passing, maySucceed: true },
  throttling: { reasons: passing, maySucceed: true },
  "server error": { reasons: passing, maySucceed: true },
  "expired credentials": { reasons: [...passing, ...taken], maySucceed: true },
  "revoked permission": { reasons: taken, maySucceed: false },
  "disabled key": { reasons: taken, maySucceed: false },
  "another key's answer": { reasons: lying, maySucceed: false },
  "truncated answer": { reasons: lying, maySucceed: true },
  "bit flip": { reasons: lying, maySucceed: true },
  "wrong checksum": { reasons: lying, maySucceed: true },
  "missing checksum": { reasons: lying, maySucceed: true },
  "child killed": { reasons: passing, maySucceed: true, mayNeedHint: true },
  "store deleted": { reasons: [...passing, ...taken], maySucceed: false },
  "clock an hour off": { reasons: [...passing, ...taken], maySucceed: true },
  "DNS failure": { reasons: passing, maySucceed: false },
};
