// One counter of distinct envelopes: a retry of one that was counted is free.

import { nearShare, type Counted, type CounterSetting } from "./counter.ts";

/** Counts distinct envelopes in the current window. */
export class DistinctCounter {
  readonly #counted: Counted;
  readonly #setting: CounterSetting;
  /** Those that count in this window: at most the limit. */
  readonly #known = new Set<string>();
  #window = -1;
  #told: "near" | "spent" | undefined;

  constructor(counted: Counted, setting: CounterSetting) {
    this.#counted = counted;
    this.#setting = setting;
  }

  /** Whether an envelope was counted in this window. */
  isKnown(envelope: string, nowMs: number): boolean {
    this.#turn(nowMs);
    return this.#known.has(envelope);
  }

  /** Counts an envelope; false when the window holds as many others as it may. */
  async add(envelope: string): Promise<boolean> {
    const { name, windowMs, limit } = this.#counted;
    const { ledger, clock } = this.#setting;
    const asked = this.#window;
    const { within, held, window } = await ledger.addDistinct(name, windowMs, asked, envelope, limit);
    if (window > asked) clock.raise(window * windowMs);
    this.#turn(clock.now());
    if (!within) return false;
    if (window === this.#window) this.#known.add(envelope);
    if (this.#told === undefined && held >= nearShare * limit) this.#tell("near");
    return true;
  }

  /** Tells that a call was refused, and answers the milliseconds to the next window. */
  refused(nowMs: number): number {
    if (this.#told !== "spent") this.#tell("spent");
    return Math.max(1, Math.ceil((this.#window + 1) * this.#counted.windowMs - nowMs));
  }

  #turn(nowMs: number): void {
    const window = Math.floor(nowMs / this.#counted.windowMs);
    if (window <= this.#window) return;
    this.#window = window;
    this.#known.clear();
    this.#told = undefined;
  }

  #tell(event: "near" | "spent"): void {
    this.#told = event;
    this.#setting.notice(event);
  }
}
