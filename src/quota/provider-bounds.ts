// What one identity may have providers do: in memory, since it protects a backend from this process.

import type { RateConfiguration } from "../config/configuration.ts";
import { BrokerError } from "../errors/index.ts";
import type { WindowClock } from "./clock.ts";
import { nearShare } from "./counter.ts";
import { timeText } from "./meter.ts";

/** Counts of one identity in one window. */
interface Tally {
  window: number;
  count: number;
  told: boolean;
  toldNear: boolean;
}

/** A bound per identity. */
export interface ProviderBound {
  /** Throws QUOTA when the identity used up its window. */
  refuse(identity: string): void;
  count(identity: string): void;
}

/** A bound; `notice` hears once in a window that it is near, and once that it is spent. */
export function createProviderBound(
  { limit, windowMs }: RateConfiguration,
  clock: WindowClock,
  what: string,
  notice: (event: "near" | "spent", identity: string) => void,
): ProviderBound {
  const tallies = new Map<string, Tally>();

  function tallyOf(identity: string, nowMs: number): Tally {
    const window = Math.floor(nowMs / windowMs);
    let tally = tallies.get(identity);
    if (tally === undefined || tally.window < window)
      tallies.set(identity, (tally = { window, count: 0, told: false, toldNear: false }));
    return tally;
  }

  return {
    refuse(identity) {
      const nowMs = clock.now();
      const tally = tallyOf(identity, nowMs);
      if (tally.count < limit) return;
      if (!tally.told) notice("spent", identity);
      tally.told = true;
      const retryAfterMs = Math.max(1, Math.ceil((tally.window + 1) * windowMs - nowMs));
      const message = `identity ${identity} used up its ${limit} ${what}: try again in ${timeText(retryAfterMs)}`;
      throw new BrokerError("QUOTA", message, { retryAfterMs });
    },
    count(identity) {
      const tally = tallyOf(identity, clock.now());
      tally.count++;
      if (tally.toldNear || tally.count < nearShare * limit) return;
      tally.toldNear = true;
      notice("near", identity);
    },
  };
}
