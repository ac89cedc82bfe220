import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { QuotaConfiguration, RuleConfiguration } from "../../../src/config/configuration.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { createQuotas, createQuotaState, createWindowClock } from "../../../src/quota/index.ts";
import type { QuotaNotice, Quotas, QuotaState } from "../../../src/quota/index.ts";
import { openStore } from "../../../src/store/index.ts";
import type { Store } from "../../../src/store/index.ts";

const hourMs = 3_600_000;
const limits = { refusedLoads: { limit: 3, windowMs: 60_000 }, providerCallsPerIdentity: undefined };
const perSecond = (limit: number): QuotaConfiguration => ({ limit, windowMs: 1_000, distinct: false });
const perHour = (limit: number): QuotaConfiguration => ({ limit, windowMs: hourMs, distinct: false });
const distinct = (limit: number): QuotaConfiguration => ({ limit, windowMs: hourMs, distinct: true });

let folder: string;
let wallMs: number;
let steadyMs: number;
let away: boolean;
let leases: number;
const stores: Store[] = [];
const notices: QuotaNotice[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kb-quota-"));
  wallMs = 1_000 * hourMs;
  steadyMs = 0;
  away = false;
  leases = 0;
  notices.length = 0;
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  rmSync(folder, { recursive: true });
});

function rule(quota: readonly QuotaConfiguration[], keys = ["*"]): RuleConfiguration {
  return { who: ["restore"], may: ["unwrap"], keys, when: [], during: undefined, quota, grant: undefined };
}

function pass(ms: number): void {
  wallMs += ms;
  steadyMs += ms;
}

/** A process's state over the one file of this test. */
function processState(): QuotaState {
  const store = openStore(join(folder, "store.db"));
  stores.push(store);
  const losable: Pick<Store, "lease" | "addDistinct"> = {
    lease(...asked) {
      leases++;
      return away ? Promise.reject(new BrokerError("STORE_UNAVAILABLE", "away")) : store.lease(...asked);
    },
    addDistinct: (...asked) =>
      away ? Promise.reject(new BrokerError("STORE_UNAVAILABLE", "away")) : store.addDistinct(...asked),
  };
  return createQuotaState(
    losable,
    createWindowClock(
      () => wallMs,
      () => steadyMs,
    ),
  );
}

function quotasOf(quota: readonly QuotaConfiguration[], state = processState()): Quotas {
  return createQuotas({ rules: [rule(quota)], limits, state, notice: (notice) => void notices.push(notice) });
}

const asked = { identity: "restore", key: "backups/db", rule: 0 };

/** How many of so many calls were let. */
async function calls(quotas: Quotas, count: number, more: object = {}): Promise<number> {
  let let_ = 0;
  for (let call = 0; call < count; call++) {
    try {
      await quotas.charge({ ...asked, ...more });
      let_++;
    } catch (error) {
      expect(error).toMatchObject({ reason: "QUOTA" });
    }
  }
  return let_;
}

describe("a quota", () => {
  test("lets exactly its limit in a window, whatever the limit, and as much in the next", async () => {
    for (const limit of [1, 2, 19, 20, 21, 39, 40, 100, 999]) {
      const quotas = quotasOf([perHour(limit)]);
      const key = `limit/${limit}`;
      expect(await calls(quotas, limit + 5, { key })).toBe(limit);
      pass(hourMs);
      expect(await calls(quotas, limit + 5, { key })).toBe(limit);
    }
  });

  test("is of one identity, one key and one rule", async () => {
    const quotas = createQuotas({
      rules: [rule([perHour(2)]), rule([perHour(3)], ["b"])],
      limits,
      state: processState(),
    });
    expect(await calls(quotas, 9)).toBe(2);
    expect(await calls(quotas, 9, { identity: "other" })).toBe(2);
    expect(await calls(quotas, 9, { key: "mail" })).toBe(2);
    expect(await calls(quotas, 9, { rule: 1 })).toBe(3);
  });

  test("refuses with the time to the next window", async () => {
    pass(40 * 60_000 + 1);
    const quotas = quotasOf([perHour(1)]);
    await quotas.charge(asked);
    const refused = await Promise.resolve(quotas.charge(asked)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ reason: "QUOTA", retryAfterMs: 20 * 60_000 - 1 });
    expect((refused as Error).message).toBe(
      "the quota of restore with key backups/db is 1/h, and it is spent: try again in 20 min",
    );
    expect(() => quotas.charge(asked)).toThrow("is spent");
  });

  test("is synchronous while a chunk lasts, and the next chunk is there before it ends", async () => {
    const quotas = quotasOf([perSecond(2_000)]);
    await quotas.charge(asked);
    let waited = 0;
    for (let call = 1; call < 1_000; call++) {
      if (quotas.charge(asked) !== undefined) waited++;
      if (call % 10 === 0) await new Promise(setImmediate);
    }
    expect(waited).toBe(0);
    expect(leases).toBeLessThanOrEqual(11);
  });

  test("is charged for calls that wait at once, each of them", async () => {
    const quotas = quotasOf([perHour(30)]);
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, async () => quotas.charge(asked)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(30);
  });

  test("beside another: a call that one refuses is charged to neither", async () => {
    const quotas = quotasOf([perSecond(5), perHour(12)]);
    expect(await calls(quotas, 100)).toBe(5);
    pass(1_000);
    expect(await calls(quotas, 100)).toBe(5);
    pass(1_000);
    expect(await calls(quotas, 100)).toBe(2);
    pass(1_000);
    expect(await calls(quotas, 100)).toBe(0);
  });

  test("that a rule has not is no quota", () => {
    const quotas = quotasOf([]);
    for (let call = 0; call < 10_000; call++) expect(quotas.charge(asked)).toBeUndefined();
    expect(leases).toBe(0);
  });

  test("tells once in a window that four fifths are used, and once that it is spent", async () => {
    const quotas = quotasOf([perHour(10)]);
    await calls(quotas, 7);
    expect(notices).toEqual([]);
    await calls(quotas, 1);
    const told = { bound: "quota", identity: "restore", key: "backups/db", limit: "10/h" };
    expect(notices).toEqual([{ event: "near", ...told }]);
    await calls(quotas, 20);
    expect(notices).toEqual([
      { event: "near", ...told },
      { event: "spent", ...told },
    ]);
    pass(hourMs);
    await calls(quotas, 20);
    expect(notices).toHaveLength(4);
  });
});

describe("distinct envelopes", () => {
  test("are counted once each, and a retry is free even when the window is full", async () => {
    const quotas = quotasOf([distinct(3)]);
    for (const envelope of ["a", "b", "a", "c", "c"]) expect(await calls(quotas, 3, { envelope })).toBe(3);
    expect(await calls(quotas, 2, { envelope: "d" })).toBe(0);
    expect(await calls(quotas, 2, { envelope: "a" })).toBe(2);
    expect(notices.map(({ event, limit }) => `${event} ${limit}`)).toEqual(["near 3 distinct/h", "spent 3 distinct/h"]);
    expect(await calls(quotas, 2, {})).toBe(2);
    pass(hourMs);
    expect(await calls(quotas, 2, { envelope: "d" })).toBe(2);
  });

  test("are free of charge for a process that another one counted them for", async () => {
    const [here, there] = [quotasOf([distinct(2)]), quotasOf([distinct(2)])];
    expect(await calls(here, 1, { envelope: "a" })).toBe(1);
    expect(await calls(there, 1, { envelope: "b" })).toBe(1);
    expect(await calls(there, 1, { envelope: "a" })).toBe(1);
    expect(await calls(here, 1, { envelope: "c" })).toBe(0);
  });

  test("beside calls: what the calls' quota refuses is not counted", async () => {
    const quotas = quotasOf([perSecond(1), distinct(2)]);
    for (const envelope of ["a", "b", "c", "d"]) await calls(quotas, 1, { envelope });
    pass(1_000);
    expect(await calls(quotas, 1, { envelope: "e" })).toBe(1);
    pass(1_000);
    expect(await calls(quotas, 1, { envelope: "f" })).toBe(0);
    expect(await calls(quotas, 1, { envelope: "a" })).toBe(1);
  });
});

describe("processes", () => {
  test("share a window to its last call", async () => {
    const [here, there] = [quotasOf([perHour(200)]), quotasOf([perHour(200)])];
    let got = 0;
    for (let turn = 0; turn < 300; turn++) got += (await calls(here, 1)) + (await calls(there, 1));
    expect(got).toBe(200);
  });

  test("that restart go on where they were: what was given back is there, a chunk that died is not", async () => {
    const first = processState();
    expect(await calls(quotasOf([perHour(100)], first), 7)).toBe(7);
    await first.close();
    const second = processState();
    expect(await calls(quotasOf([perHour(100)], second), 13)).toBe(13);
    const rest = await calls(quotasOf([perHour(100)]), 100);
    expect(rest).toBeLessThanOrEqual(80);
    expect(rest).toBeGreaterThanOrEqual(70);
  });

  test("whose configuration is reloaded keep their counts, also of a rule that moved or whose quota changed", async () => {
    const state = processState();
    expect(await calls(quotasOf([perHour(10)], state), 6)).toBe(6);
    const rules = [rule([perHour(1)], ["other"]), rule([perHour(10)])];
    expect(await calls(createQuotas({ rules, limits, state }), 9, { rule: 1 })).toBe(4);
    expect(await calls(quotasOf([perHour(12)], state), 9)).toBe(2);
  });
});

describe("a clock that is set back", () => {
  test("gives no window anew, in this process or after a restart, and stops nobody for long", async () => {
    const state = processState();
    const quotas = quotasOf([perSecond(5), perHour(8)], state);
    expect(await calls(quotas, 9)).toBe(5);
    wallMs -= hourMs;
    expect(await calls(quotas, 9)).toBe(0);
    await state.close();
    const restarted = quotasOf([perSecond(5), perHour(8)]);
    expect(await calls(restarted, 9)).toBe(0);
    pass(1_000);
    expect(await calls(restarted, 9)).toBe(3);
    pass(hourMs);
    expect(await calls(restarted, 9)).toBe(5);
  });

  test("by a year, after it was a year ahead, counts on", async () => {
    const quotas = quotasOf([perHour(8)]);
    wallMs += 8_760 * hourMs;
    expect(await calls(quotas, 9)).toBe(8);
    wallMs -= 8_760 * hourMs;
    expect(await calls(quotas, 9)).toBe(0);
    pass(hourMs);
    expect(await calls(quotas, 9)).toBe(8);
  });
});

describe("without the store", () => {
  test("a process counts for itself, from what it knew last", async () => {
    const quotas = quotasOf([perHour(100)]);
    expect(await calls(quotas, 40)).toBe(40);
    away = true;
    expect(await calls(quotas, 200)).toBe(60);
    away = false;
    expect(await calls(quotas, 200)).toBe(0);
  });

  test("what was counted meanwhile is taken from it once it is back", async () => {
    const quotas = quotasOf([perHour(100)]);
    away = true;
    expect(await calls(quotas, 50)).toBe(50);
    away = false;
    expect(await calls(quotas, 10)).toBe(10);
    expect(await calls(quotasOf([perHour(100)]), 100)).toBeLessThanOrEqual(40);
  });

  test("distinct envelopes are counted as well", async () => {
    const quotas = quotasOf([distinct(2)]);
    expect(await calls(quotas, 1, { envelope: "a" })).toBe(1);
    away = true;
    expect(await calls(quotas, 1, { envelope: "a" })).toBe(1);
    expect(await calls(quotas, 1, { envelope: "b" })).toBe(1);
    expect(await calls(quotas, 1, { envelope: "c" })).toBe(0);
  });

  test("there may be none at all", async () => {
    const state = createQuotaState(
      undefined,
      createWindowClock(
        () => wallMs,
        () => steadyMs,
      ),
    );
    const quotas = quotasOf([perHour(100), distinct(2)], state);
    expect(await calls(quotas, 200)).toBe(100);
  });
});

describe("what reaches providers", () => {
  const spent = expect.objectContaining({ reason: "QUOTA", retryAfterMs: 60_000 }) as Error;

  test("ends for an identity whose envelopes they refused, until the next window", () => {
    const quotas = quotasOf([]);
    for (let junk = 0; junk < 3; junk++) {
      quotas.beforeProvider("junk");
      quotas.providerRefused("junk");
    }
    expect(() => quotas.beforeProvider("junk")).toThrow(spent);
    expect(() => quotas.beforeProvider("junk")).toThrow(
      "identity junk used up its 3 envelopes that a provider may refuse",
    );
    quotas.beforeProvider("honest");
    expect(notices.map(({ event, bound, limit }) => `${event} ${bound} ${limit}`)).toEqual([
      "near refusedLoads 3/m",
      "spent refusedLoads 3/m",
    ]);
    pass(60_000);
    quotas.beforeProvider("junk");
  });

  test("is bounded per identity where the configuration says so", () => {
    const providerCallsPerIdentity = { limit: 2, windowMs: 1_000 };
    const quotas = createQuotas({ rules: [], limits: { ...limits, providerCallsPerIdentity }, state: processState() });
    quotas.beforeProvider("a");
    quotas.beforeProvider("a");
    expect(() => quotas.beforeProvider("a")).toThrow("provider calls");
    quotas.beforeProvider("b");
    pass(1_000);
    quotas.beforeProvider("a");
  });
});
