// One counter of one quota: a leased chunk of its window, used without asking anyone.

import type { WindowClock } from "./clock.ts";
import type { Ledger } from "./ledger.ts";

/** What a counter counts. */
export interface Counted {
  readonly name: string;
  readonly windowMs: number;
  readonly limit: number;
}

/** Where a counter leases, by which clock, and whom it tells. */
export interface CounterSetting {
  readonly ledger: Ledger;
  readonly clock: WindowClock;
  readonly notice: (event: "near" | "spent") => void;
}

/** Four fifths: then somebody should look. */
export const nearShare = 0.8;

const largestChunk = 1_000;

/** A twentieth at a time, so that a process that dies loses little and replicas take turns. */
function chunkOf(limit: number): number {
  return Math.min(largestChunk, Math.max(1, Math.floor(limit / 20)));
}

/** Counts calls in the current window. */
export class Counter {
  readonly #counted: Counted;
  readonly #setting: CounterSetting;
  readonly #chunk: number;
  #window = -1;
  /** Leased, and not used. */
  #left = 0;
  /** Leased by everyone in this window, as far as is known. */
  #taken = 0;
  #spent = false;
  #told: "near" | "spent" | undefined;
  #leasing: Promise<void> | undefined;
  #waiting = 0;

  constructor(counted: Counted, setting: CounterSetting) {
    this.#counted = counted;
    this.#setting = setting;
    this.#chunk = chunkOf(counted.limit);
  }

  /** Whether one more may be used now, without asking. Undefined: somebody must be asked, by `lease`. */
  isFree(nowMs: number): boolean | undefined {
    this.#turn(nowMs);
    if (this.#left > 0) return true;
    return this.#spent ? false : undefined;
  }

  /** Uses one of those that `isFree` said are there. */
  use(): void {
    this.#left--;
    if (this.#told === undefined && this.#taken - this.#left >= nearShare * this.#counted.limit) this.#tell("near");
    // Below that a chunk is one: to hold one that nobody asked for would keep it from other processes.
    if (this.#chunk > 1 && this.#left === this.#chunk >> 1) void this.lease().catch(() => undefined);
  }

  /** Tells that a call was refused, and answers the milliseconds to the next window. */
  refused(nowMs: number): number {
    if (this.#told !== "spent") this.#tell("spent");
    return Math.max(1, Math.ceil((this.#window + 1) * this.#counted.windowMs - nowMs));
  }

  /** Leases one more chunk; callers at once share it. */
  async lease(): Promise<void> {
    this.#waiting++;
    this.#leasing ??= this.#leaseOnce().finally(() => (this.#leasing = undefined));
    try {
      await this.#leasing;
    } finally {
      this.#waiting--;
    }
  }

  /** Gives back what is left. */
  async giveBack(): Promise<void> {
    await this.#leasing;
    const left = this.#left;
    this.#left = 0;
    if (left === 0) return;
    const { name, windowMs, limit } = this.#counted;
    await this.#setting.ledger.lease(name, windowMs, this.#window, -left, limit);
  }

  async #leaseOnce(): Promise<void> {
    const { name, windowMs, limit } = this.#counted;
    const { ledger, clock } = this.#setting;
    const asked = this.#window;
    const { got, taken, window } = await ledger.lease(
      name,
      windowMs,
      asked,
      Math.max(this.#chunk, this.#waiting),
      limit,
    );
    if (window > asked) clock.raise(window * windowMs);
    this.#turn(clock.now());
    // The answer came in a later window: what was leased is of no use any more.
    if (window !== this.#window) return;
    this.#left += got;
    this.#taken = taken;
    this.#spent = got === 0;
  }

  #turn(nowMs: number): void {
    const window = Math.floor(nowMs / this.#counted.windowMs);
    if (window <= this.#window) return;
    this.#window = window;
    this.#left = 0;
    this.#taken = 0;
    this.#spent = false;
    this.#told = undefined;
  }

  #tell(event: "near" | "spent"): void {
    this.#told = event;
    this.#setting.notice(event);
  }
}
