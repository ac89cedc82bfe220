// The daemon's looks at its providers: how often, and what is said of what they find.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Broker, ProviderStatus } from "../../../src/broker/index.ts";
import { createProbing } from "../../../src/daemon/probing.ts";
import type { Log } from "../../../src/telemetry/index.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => vi.useRealTimers());

const good: ProviderStatus = {
  name: "aws",
  kind: "aws-kms",
  reachable: true,
  canWrap: true,
  canUnwrap: true,
  lastCallAt: new Date(),
  error: undefined,
};
const down: ProviderStatus = { ...good, reachable: false, canWrap: false, canUnwrap: false, error: "ECONNREFUSED" };

function world() {
  const lines: string[] = [];
  const write = (event: string, fields: { provider?: string; message?: string } = {}) =>
    void lines.push([event, fields.message ?? fields.provider].join(" | "));
  const log = { warn: write, info: write } as unknown as Log;
  const now = { status: good, looks: 0, keys: [] as unknown[] };
  const broker = {
    probe: () => Promise.resolve(void now.looks++),
    providers: () => [now.status],
    keys: () => now.keys,
  } as unknown as Broker;
  return { probing: createProbing(log), broker, now, lines };
}

describe("looks", () => {
  test("come at the start and then once an interval, give or take a quarter", async () => {
    const { probing, broker, now } = world();
    probing.follow(broker, 30_000);
    await vi.advanceTimersByTimeAsync(0);
    expect(now.looks).toBe(1);
    await vi.advanceTimersByTimeAsync(22_000);
    expect(now.looks).toBe(1);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(now.looks).toBeGreaterThan(100);
    expect(now.looks).toBeLessThan(140);
    probing.stop();
  });

  test("come every few seconds while a provider is down", async () => {
    const { probing, broker, now } = world();
    now.status = down;
    probing.follow(broker, 3_600_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(now.looks).toBeGreaterThanOrEqual(9);
    probing.stop();
  });

  test("go to the new broker after a reload, and end with the daemon", async () => {
    const { probing, broker, now } = world();
    const next = world();
    probing.follow(broker, 1_000);
    await vi.advanceTimersByTimeAsync(0);
    probing.follow(next.broker, 1_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([now.looks, next.now.looks > 5]).toEqual([1, true]);
    probing.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("one that is under way when the daemon stops starts no other", async () => {
    const { probing, broker, now } = world();
    probing.follow(broker, 1_000);
    probing.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([now.looks, vi.getTimerCount()]).toEqual([1, 0]);
  });
});

describe("what is said", () => {
  test("a provider that goes down, once; what changes about it; and that it is back", async () => {
    const { probing, broker, now, lines } = world();
    probing.follow(broker, 1_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(lines).toEqual([]);
    expect(probing.warnings()).toEqual([]);
    now.status = down;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(probing.warnings()).toEqual(["provider aws cannot be reached: ECONNREFUSED"]);
    now.status = { ...good, canWrap: false, canUnwrap: false, error: "disabled" };
    await vi.advanceTimersByTimeAsync(5_000);
    now.status = { ...good, canWrap: false };
    await vi.advanceTimersByTimeAsync(5_000);
    now.status = good;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(lines).toEqual([
      "provider-degraded | provider aws cannot be reached: ECONNREFUSED",
      "provider-degraded | provider aws cannot unwrap with every master key: disabled",
      "provider-degraded | provider aws cannot wrap",
      "provider-recovered | aws",
    ]);
    expect(probing.warnings()).toEqual([]);
    probing.stop();
  });

  test("a degraded start is said at once", async () => {
    const { probing, broker, now, lines } = world();
    now.status = down;
    probing.follow(broker, 30_000);
    await vi.advanceTimersByTimeAsync(0);
    expect(lines).toHaveLength(1);
    probing.stop();
  });

  test("that a master key with a bound on its wraps is used for each call, until it is not", async () => {
    const { probing, broker, now, lines } = world();
    const recipients = [{ provider: "hsm", unwrapOnly: false, wrapLimit: 2 ** 32 }];
    const keyOf = (maxWraps: number) => ({ configuration: { name: "ledger", branchKey: { maxWraps } }, recipients });
    now.keys = [keyOf(1)];
    probing.follow(broker, 1_000);
    await vi.advanceTimersByTimeAsync(10_000);
    const message =
      "each wrap of ledger is one of the 4294967296 that its master key in hsm may make: " +
      "plan to rotate it, or raise branchKey.maxWraps";
    expect([lines, probing.warnings()]).toEqual([[`wrap-limit | ${message}`], [message]]);
    now.keys = [keyOf(1_000)];
    await vi.advanceTimersByTimeAsync(2_000);
    expect(probing.warnings()).toEqual([]);
    probing.stop();
  });

  test("that two recipients of a key turn out to be one master key, once, until they are not", async () => {
    const { probing, broker, now, lines } = world();
    const recipientsOf = (second: { kind?: string; masterKeyId?: string | undefined }) => [
      { provider: "hsm", kind: "pkcs11", masterKeyId: undefined },
      { provider: "vault-a", kind: "vault", masterKeyId: "transit/keys/kb" },
      { provider: "vault-b", kind: "vault", masterKeyId: "transit/keys/kb", ...second },
      { provider: "hsm-b", kind: "pkcs11", masterKeyId: undefined },
    ];
    const keysWith = (second: Parameters<typeof recipientsOf>[0]) =>
      ["ledger", "mail"].map((name) => ({
        configuration: { name, branchKey: { maxWraps: 9 } },
        recipients: name === "ledger" ? recipientsOf(second) : recipientsOf(second).slice(0, 2),
      }));
    now.keys = keysWith({});
    probing.follow(broker, 1_000);
    await vi.advanceTimersByTimeAsync(10_000);
    const [warning] = probing.warnings();
    expect(warning).toContain("ledger in vault-a and vault-b are both the vault master key transit/keys/kb");
    expect(lines).toEqual([`master-key-repeated | ${warning}`]);
    for (const other of [{ masterKeyId: "b/keys/kb" }, { kind: "toy" }, { masterKeyId: undefined }]) {
      now.keys = keysWith(other);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(probing.warnings()).toEqual([]);
    }
    probing.stop();
  });

  test("nothing of a provider that no key uses", async () => {
    const { probing, broker, now, lines } = world();
    now.status = { ...down, lastCallAt: undefined };
    probing.follow(broker, 30_000);
    await vi.advanceTimersByTimeAsync(0);
    expect([lines, probing.warnings()]).toEqual([[], []]);
    probing.stop();
  });
});
