// Leaves a backend that keeps failing alone: one trial at a time, and whoever can wait hears how it ended.

import { isBrokerError } from "../errors/index.ts";

/** What a call is told that the breaker kept from the backend. */
export class LeftAlone extends Error {
  override readonly name = "LeftAlone";
  /** When the next trial may be made, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, lastOutage: unknown) {
    super("the backend is left alone", { cause: lastOutage });
    this.retryAfterMs = retryAfterMs;
  }
}

/** Outages in a row that open it. */
const consecutiveOutages = 5;
const firstPauseMs = 100;
/** Short, since a call that comes after the backend's recovery is not to be refused for what happened before. */
const longestPauseMs = 1_000;

/**
 * Counts outages (what `work` throws: any other failure must be an answer), and opens after five in a row. While it is
 * open, calls wait for a trial that begins after they came, or make it, so that the first call after a recovery
 * succeeds and nobody waits for more than one trial. Times are performance.now()'s.
 */
export class Breaker {
  readonly #maxWaiting: number;
  #outages = 0;
  #open = false;
  #lastOutage: unknown;
  #pauseMs = firstPauseMs;
  #nextTrialAtMs = 0;
  #trials = 0;
  /** The number of the latest trial that failed. */
  #failedTrial = 0;
  #trial: Promise<unknown> | undefined;
  #waiting = 0;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** Whether the backend is left alone now. */
  get open(): boolean {
    return this.#open;
  }

  /** Runs `work`, waiting for its turn while the breaker is open. Throws LeftAlone, the signal's reason, or what `work` does. */
  async pass<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const came = this.#trials;
    while (this.#open) {
      if (this.#failedTrial > came) throw this.#leftAlone();
      const waitMs = this.#nextTrialAtMs - performance.now();
      if (!this.#trial && waitMs <= 0) return await this.#try(work);
      await this.#wait(this.#trial ?? pause(waitMs), signal);
    }
    return await this.#watch(work);
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    const number = ++this.#trials;
    const trial = this.#watch(work);
    this.#trial = trial.catch(() => {});
    try {
      return await trial;
    } catch (error) {
      this.#failedTrial = number;
      this.#pauseMs = Math.min(longestPauseMs, 2 * this.#pauseMs);
      this.#rest();
      throw error;
    } finally {
      this.#trial = undefined;
    }
  }

  async #watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      const value = await work();
      this.#outages = 0;
      this.#open = false;
      return value;
    } catch (error) {
      this.#lastOutage = error;
      if (++this.#outages >= consecutiveOutages && !this.#open) {
        this.#open = true;
        this.#pauseMs = firstPauseMs;
        this.#rest();
      }
      throw error;
    }
  }

  /** Half of the pause at least: several daemons are not to come back at once. */
  #rest(): void {
    this.#nextTrialAtMs = performance.now() + this.#pauseMs * (0.5 + Math.random() / 2);
  }

  async #wait(until: Promise<unknown>, signal: AbortSignal): Promise<void> {
    if (this.#waiting >= this.#maxWaiting) throw this.#leftAlone();
    this.#waiting++;
    try {
      await Promise.race([until, abort(signal)]);
    } finally {
      this.#waiting--;
    }
  }

  #leftAlone(): LeftAlone {
    const hintMs = isBrokerError(this.#lastOutage) ? (this.#lastOutage.retryAfterMs ?? 0) : 0;
    return new LeftAlone(Math.max(hintMs, Math.ceil(this.#nextTrialAtMs - performance.now())), this.#lastOutage);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function abort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
