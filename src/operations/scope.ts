// One call's bounds in time, and its word to the audit before a provider is asked.

import type { Scope } from "../broker/broker.ts";
import { BrokerError } from "../errors/index.ts";

/** How long a call may take, as its front door knows it. */
export interface Bounds {
  /** When the caller stops waiting, on performance.now()'s clock, in milliseconds. Infinity when it did not say. */
  readonly deadlineMs: number;
  /** Calls back when the caller goes away. */
  onCancel?(listener: () => void): void;
}

/** Bounds for one call, no later than the daemon's own limit. */
export class CallScope implements Scope {
  readonly deadlineMs: number;
  readonly #bounds: Bounds;
  readonly #attempt: () => Promise<void>;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempted: Promise<void> | undefined;

  constructor(bounds: Bounds, limitMs: number, attempt: () => Promise<void>) {
    this.deadlineMs = Math.min(bounds.deadlineMs, performance.now() + limitMs);
    this.#bounds = bounds;
    this.#attempt = attempt;
  }

  signal(): AbortSignal {
    return (this.#controller ??= this.#listen()).signal;
  }

  /** Whether a provider was asked, or about to be. */
  get reachesProvider(): boolean {
    return this.#attempted !== undefined;
  }

  beforeProvider(): Promise<void> {
    return (this.#attempted ??= this.#attempt());
  }

  /** Stops the timer, if one was started. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #listen(): AbortController {
    const controller = new AbortController();
    const leftMs = Math.max(0, this.deadlineMs - performance.now());
    this.#timer = setTimeout(() => {
      controller.abort(new BrokerError("PROVIDER_TIMEOUT", "the deadline passed before the provider answered"));
    }, leftMs);
    this.#bounds.onCancel?.(() => {
      controller.abort(new BrokerError("PROVIDER_TIMEOUT", "the caller went away"));
    });
    return controller;
  }
}
