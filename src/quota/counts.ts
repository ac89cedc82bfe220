// Counts in memory: what is charged while there is no store, or while it is away.

import type { Addition, Lease, Store } from "../store/index.ts";

/** What quotas need of a store. */
export type Counts = Pick<Store, "lease" | "addDistinct">;

interface Count {
  window: number;
  taken: number;
  readonly members: Set<string>;
}

/** Counters of this process alone. Each answers as the store would. */
export class MemoryCounts {
  readonly #counts = new Map<string, Count>();

  lease(counter: string, windowMs: number, window: number, amount: number, limit: number): Lease {
    const count = this.#count(counter, windowMs, window);
    const got = Math.max(-count.taken, Math.min(amount, Math.max(0, limit - count.taken)));
    count.taken += got;
    return { got, taken: count.taken, window: count.window };
  }

  addDistinct(set: string, windowMs: number, window: number, member: string, limit: number): Addition {
    const count = this.#count(set, windowMs, window);
    const within = count.members.has(member) || count.taken < limit;
    if (within && !count.members.has(member)) count.taken = Math.max(count.taken + 1, count.members.add(member).size);
    return { within, held: count.taken, window: count.window };
  }

  /** What the store said: whoever takes the store away gains nothing by it. */
  note(
    counter: string,
    windowMs: number,
    { window, taken, member }: { window: number; taken: number; member?: string },
  ): void {
    const count = this.#count(counter, windowMs, window);
    if (member !== undefined) count.members.add(member);
    count.taken = Math.max(count.taken, taken);
  }

  #count(name: string, windowMs: number, window: number): Count {
    const id = `${windowMs} ${name}`;
    let count = this.#counts.get(id);
    if (count === undefined) this.#counts.set(id, (count = { window, taken: 0, members: new Set() }));
    if (window > count.window) {
      count.window = window;
      count.taken = 0;
      count.members.clear();
    }
    return count;
  }
}
