// All counters of one identity, key and rule: a call is charged to all of them, or to none.

import { BrokerError } from "../errors/index.ts";
import type { WindowClock } from "./clock.ts";
import type { Counter } from "./counter.ts";
import type { DistinctCounter } from "./distinct-counter.ts";

/** A counter, and what its quota is called. */
export interface Named<C> {
  readonly counter: C;
  /** Such as `1000/h`. */
  readonly limit: string;
}

/** Charges calls. */
export interface Meter {
  /** As Quotas.charge. */
  charge(envelope: string | undefined): void | Promise<void>;
  giveBack(): Promise<void>;
}

/** A meter of these counters. `whose` tells callers what is spent, such as `restore with key backups/db`. */
export function createMeter(
  calls: readonly Named<Counter>[],
  envelopes: readonly Named<DistinctCounter>[],
  clock: WindowClock,
  whose: string,
): Meter {
  /** True when every counter has one more; throws when one is spent; false when one must ask. */
  function isFree(nowMs: number): boolean {
    let free = true;
    for (const { counter, limit } of calls) {
      const answer = counter.isFree(nowMs);
      if (answer === false) throw spent(whose, limit, counter.refused(nowMs));
      free &&= answer === true;
    }
    return free;
  }

  function use(): void {
    for (const { counter } of calls) counter.use();
  }

  async function ask(envelope: string | undefined): Promise<void> {
    if (envelope !== undefined && envelopes.length > 0) {
      // What the calls' own quotas refuse is not to be counted among the envelopes.
      await whenFree(() => undefined);
      await addEnvelope(envelope);
    }
    await whenFree(use);
  }

  /** Does it in the moment in which every counter has one more: others may use what was leased before this one goes on. */
  async function whenFree(then: () => void): Promise<void> {
    for (let nowMs = clock.now(); !isFree(nowMs); nowMs = clock.now()) {
      const lacking = calls.filter(({ counter }) => counter.isFree(nowMs) !== true);
      await Promise.all(lacking.map(({ counter }) => counter.lease()));
    }
    then();
  }

  async function addEnvelope(envelope: string): Promise<void> {
    for (const { counter, limit } of envelopes) {
      if (counter.isKnown(envelope, clock.now()) || (await counter.add(envelope))) continue;
      throw spent(whose, limit, counter.refused(clock.now()));
    }
  }

  return {
    charge(envelope) {
      const nowMs = clock.now();
      const free = isFree(nowMs);
      const known = envelope === undefined || envelopes.every(({ counter }) => counter.isKnown(envelope, nowMs));
      if (!free || !known) return ask(envelope);
      use();
    },
    async giveBack() {
      await Promise.all(calls.map(({ counter }) => counter.giveBack()));
    },
  };
}

function spent(whose: string, limit: string, retryAfterMs: number): BrokerError {
  const message = `the quota of ${whose} is ${limit}, and it is spent: try again in ${timeText(retryAfterMs)}`;
  return new BrokerError("QUOTA", message, { retryAfterMs });
}

/** Such as `900 ms`, `41 s` or `12 min`. */
export function timeText(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)} ms`;
  return ms < 120_000 ? `${Math.ceil(ms / 1_000)} s` : `${Math.ceil(ms / 60_000)} min`;
}
