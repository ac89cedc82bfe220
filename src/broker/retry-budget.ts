// Bounds retries to a share of the calls, so that a troubled backend is not asked several times by everyone.

/** How many retries may be in store. */
const maxStored = 10;
/** What a call adds: one retry for every ten calls. */
const perCall = 0.1;

/** Retries in store. */
export interface RetryBudget {
  /** A call was made. */
  earn(): void;
  /** Takes one retry; false when none is left. */
  take(): boolean;
}

/** A full budget. */
export function createRetryBudget(): RetryBudget {
  let stored = maxStored;
  return {
    earn() {
      stored = Math.min(maxStored, stored + perCall);
    },
    take() {
      if (stored < 1) return false;
      stored -= 1;
      return true;
    },
  };
}
