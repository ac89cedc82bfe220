// Stands before a provider: deadline, bounded concurrency, retries within a budget, circuit breaker.

import { BulkheadRejectedError, DelegateBackoff, bulkhead, handleWhen, retry } from "cockatiel";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import { Breaker, LeftAlone } from "./breaker.ts";
import { asProviderFailure, isOutage } from "./failures.ts";
import type { BrokerObserver, ProviderOperation } from "./observer.ts";
import { createRetryBudget } from "./retry-budget.ts";

/** A guard's bounds. */
export interface GuardLimits {
  /** Calls under way at once; four times as many may wait. */
  readonly maxProviderCalls: number;
  /** The longest that one guarded call takes: waiting for its turn, retries and their delays included. */
  readonly providerTimeoutMs: number;
}

/** How a call is made. */
export interface CallOptions<T> {
  /** Gets what the provider answers too late. */
  readonly discard?: (late: T) => void;
  /** The call changes something: it is never made again by itself. */
  readonly once?: boolean;
}

type Work<T> = (signal: AbortSignal) => Promise<T>;

/** What became of the latest call. */
export interface GuardStatus {
  readonly lastCallAt: Date | undefined;
  /** The outage that the latest call met; undefined when the backend answered. */
  readonly outage: BrokerError | undefined;
}

const maxRetries = 2;
const firstRetryMs = 100;
/** A backend that asks for a longer pause is not asked again by us: the caller is told. */
const longestHintMs = 1_000;
/** A provider that heeds no abort holds its place this much longer, so that it cannot take all places for good. */
const writeOffMs = 60_000;

/** The outcome of an attempt that reached the backend; outages are thrown instead, for the breaker to count. */
type Reached<T> = { readonly value: T } | { readonly error: unknown };

/** Guards one opened provider. */
export class Guard {
  readonly name: string;
  readonly limits: GuardLimits;
  readonly #observer: BrokerObserver;
  readonly #places;
  readonly #budget = createRetryBudget();
  readonly #breaker: Breaker;
  readonly #retry = retry(
    handleWhen((error) => mayRetry(error) && this.#budget.take()),
    { maxAttempts: maxRetries, backoff: new DelegateBackoff(({ attempt, result }) => delayOf(attempt, result)) },
  );
  readonly #underWay = new Map<AbortController, Promise<unknown>>();
  #closed = false;
  #status: GuardStatus = { lastCallAt: undefined, outage: undefined };

  constructor(name: string, limits: GuardLimits, observer: BrokerObserver) {
    this.name = name;
    this.limits = limits;
    this.#observer = observer;
    this.#places = bulkhead(limits.maxProviderCalls, 4 * limits.maxProviderCalls);
    this.#breaker = new Breaker(4 * limits.maxProviderCalls);
  }

  /** Whether the backend kept failing, so that another is better asked first. */
  get leftAlone(): boolean {
    return this.#breaker.open;
  }

  status(): GuardStatus {
    return this.#status;
  }

  /**
   * Calls the provider, and answers no later than the deadline. `work` may run several times, and never begins after
   * the answer; what it answers too late goes to `discard`. Throws ENVELOPE_REFUSED, KEY_DISABLED,
   * PROVIDER_UNAVAILABLE, PROVIDER_TIMEOUT, OVERLOADED or INTERNAL.
   */
  async call<T>(
    operation: ProviderOperation,
    work: (signal: AbortSignal) => Promise<T>,
    { discard = () => {}, once = false }: CallOptions<T> = {},
  ): Promise<T> {
    const startedAt = performance.now();
    try {
      if (this.#closed) throw new BrokerError("PROVIDER_UNAVAILABLE", `provider ${this.name} is closed`);
      const value = await this.#bounded(work, discard, once);
      this.#note(operation, startedAt, undefined);
      return value;
    } catch (error) {
      const failure = this.#failureOf(error);
      this.#note(operation, startedAt, failure);
      throw failure;
    }
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay.values());
  }

  /** Refuses new calls and aborts those under way. */
  close(): void {
    this.#closed = true;
    const reason = new BrokerError("PROVIDER_UNAVAILABLE", `provider ${this.name} was closed during the call`);
    for (const controller of this.#underWay.keys()) controller.abort(reason);
  }

  async #bounded<T>(work: Work<T>, discard: (late: T) => void, once: boolean): Promise<T> {
    const controller = new AbortController();
    const message = `provider ${this.name} did not answer within ${this.limits.providerTimeoutMs} ms`;
    const abort = () => controller.abort(new BrokerError("PROVIDER_TIMEOUT", message));
    const timer = setTimeout(abort, this.limits.providerTimeoutMs);
    const answer = this.#tried(work, controller.signal, discard, once);
    this.#underWay.set(controller, answer);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(controller);
    }
  }

  async #tried<T>(work: Work<T>, signal: AbortSignal, discard: (late: T) => void, once: boolean): Promise<T> {
    this.#budget.earn();
    const attempt = () => {
      signal.throwIfAborted();
      return this.#breaker.pass(() => reached(this.#attempt(work, signal, discard)), signal);
    };
    const attempts = once ? attempt() : this.#retry.execute(attempt, signal);
    // The abort answers at once even while a retry's delay, or another call's trial of the breaker, is awaited.
    const outcome = await Promise.race([attempts, abortOf(signal)]);
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  /** One attempt: answers at the abort, and keeps its place until the provider's promise has settled. */
  #attempt<T>(work: Work<T>, signal: AbortSignal, discard: (late: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      abortOf(signal).catch(reject);
      const run = async () => {
        if (signal.aborted) return;
        const settled = work(signal).then((value) => (signal.aborted ? discard(value) : resolve(value)), reject);
        await Promise.race([settled, writeOff(signal, settled)]);
      };
      this.#places.execute(run).catch(reject);
    });
  }

  #failureOf(error: unknown): BrokerError {
    if (error instanceof LeftAlone) {
      const message = `provider ${this.name} keeps failing and is left alone for a moment`;
      return new BrokerError("PROVIDER_UNAVAILABLE", message, error);
    }
    if (error instanceof BulkheadRejectedError)
      return new BrokerError("OVERLOADED", `too many calls wait for provider ${this.name}`);
    return asProviderFailure(error, this.name);
  }

  #note(operation: ProviderOperation, startedAt: number, failure: BrokerError | undefined): void {
    // What the breaker kept back says less than the outage that opened it.
    const outage = failure?.cause !== undefined && isOutage(failure.cause) ? failure.cause : failure;
    this.#status = { lastCallAt: new Date(), outage: isOutage(outage) ? outage : undefined };
    const seconds = (performance.now() - startedAt) / 1_000;
    this.#observer.providerCall(this.name, operation, failure?.reason ?? "done", seconds, failure);
  }
}

async function reached<T>(attempt: Promise<T>): Promise<Reached<T>> {
  try {
    return { value: await attempt };
  } catch (error) {
    if (isOutage(error)) throw error;
    return { error };
  }
}

/** Rejects at the abort, with its reason. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason as BrokerError);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** Resolves when an aborted call has had its time; never, when it settles before. */
function writeOff(signal: AbortSignal, settled: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const wait = () => {
      const timer = setTimeout(resolve, writeOffMs);
      timer.unref();
      void settled.finally(() => clearTimeout(timer));
    };
    signal.addEventListener("abort", wait, { once: true });
  });
}

function mayRetry(error: unknown): boolean {
  return isBrokerError(error) && error.reason === "PROVIDER_UNAVAILABLE" && (error.retryAfterMs ?? 0) <= longestHintMs;
}

/** Full jitter over a doubling delay, never before the backend's own hint. */
function delayOf(attempt: number, result: object): number {
  const hintMs = "error" in result && isBrokerError(result.error) ? result.error.retryAfterMs : undefined;
  return (hintMs ?? 0) + Math.random() * firstRetryMs * 2 ** (attempt - 1);
}
