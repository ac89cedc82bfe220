// The ledger of a process: the store's counts while it answers, else its own in memory.

import { isBrokerError } from "../errors/index.ts";
import type { Addition, Lease } from "../store/index.ts";
import { MemoryCounts, type Counts } from "./counts.ts";

/** Where counters are leased. It never rejects. */
export type Ledger = Counts;

/**
 * Leases from the store. While that is away, each process counts for itself from what it knew last; what it counts
 * meanwhile is taken from the store once that is back.
 */
export function createLedger(store: Counts | undefined): Ledger {
  const memory = new MemoryCounts();
  /** Counted here and not in the store, by counter and window. */
  const owed = new Map<string, number>();

  async function lease(
    counter: string,
    windowMs: number,
    window: number,
    amount: number,
    limit: number,
  ): Promise<Lease> {
    const place = `${windowMs} ${window} ${counter}`;
    const debt = amount > 0 ? (owed.get(place) ?? 0) : 0;
    try {
      if (store === undefined) return memory.lease(counter, windowMs, window, amount, limit);
      const lease = await store.lease(counter, windowMs, window, amount + debt, limit);
      owed.delete(place);
      memory.note(counter, windowMs, lease);
      return { ...lease, got: amount < 0 ? lease.got : Math.max(0, lease.got - debt) };
    } catch (error) {
      if (!isAway(error)) throw error;
      const lease = memory.lease(counter, windowMs, window, amount, limit);
      if (lease.got !== 0) owed.set(place, (owed.get(place) ?? 0) + lease.got);
      forgetOld(owed);
      return lease;
    }
  }

  async function addDistinct(
    set: string,
    windowMs: number,
    window: number,
    member: string,
    limit: number,
  ): Promise<Addition> {
    try {
      if (store === undefined) return memory.addDistinct(set, windowMs, window, member, limit);
      const addition = await store.addDistinct(set, windowMs, window, member, limit);
      const note = { window: addition.window, taken: addition.held };
      memory.note(set, windowMs, addition.within ? { ...note, member } : note);
      return addition;
    } catch (error) {
      if (!isAway(error)) throw error;
      return memory.addDistinct(set, windowMs, window, member, limit);
    }
  }

  return { lease, addDistinct };
}

const maxOwed = 10_000;

/** Windows that are over owe nothing; they are the oldest. */
function forgetOld(owed: Map<string, number>): void {
  for (const place of owed.keys()) {
    if (owed.size <= maxOwed) return;
    owed.delete(place);
  }
}

function isAway(error: unknown): boolean {
  return isBrokerError(error) && error.reason === "STORE_UNAVAILABLE";
}
