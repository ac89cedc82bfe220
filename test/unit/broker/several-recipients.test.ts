// Any one of several recipients opens: in which order they are asked, and what happens while one is away.

import { describe, expect, test, vi } from "vitest";
import { silent } from "../../../src/broker/observer.ts";
import { decode } from "../../../src/envelope/index.ts";
import { faults, on } from "../../fakes/faulty-provider.ts";
import type { Fault } from "../../fakes/faulty-provider.ts";
import { context, keyOf, reasonOf, recipient, scopeOf, settingOf, useFakeTime } from "./setting.ts";

useFakeTime();

const [a, b, c] = [recipient("a", "mk"), recipient("b", "mk"), recipient("c", "mk")];
const both = keyOf({ wrapTo: [a, b], wrapNeeds: 1 });
const strict = { branchKey: { maxAgeMs: 3_600_000, maxWraps: 1, graceMs: 0 } };

/** An envelope for these recipients, and a broker that has not opened it yet. */
async function restarted(key = both) {
  const first = await settingOf([key]);
  const envelope = await first.wrap();
  const setting = await first.restart();
  await vi.advanceTimersByTimeAsync(0);
  const before = { a: setting.a.count("unwrap"), b: setting.b.count("unwrap"), c: setting.c.count("unwrap") };
  const asked = () => ({
    a: setting.a.count("unwrap") - before.a,
    b: setting.b.count("unwrap") - before.b,
    c: setting.c.count("unwrap") - before.c,
  });
  return { setting, envelope, asked };
}

describe("every branch key is wrapped for each recipient and verified by each", () => {
  test("once each, however many envelopes are sealed", async () => {
    const setting = await settingOf([keyOf({ wrapTo: [a, b, c], wrapNeeds: 3 })]);
    const envelopes = await Promise.all(Array.from({ length: 20 }, () => setting.wrap()));
    for (const one of [setting.a, setting.b, setting.c])
      expect([one.count("wrap"), one.count("unwrap")]).toEqual([1, 1]);
    expect(decode(envelopes[0]!).recipients.map(({ kind }) => kind)).toEqual([200, 201, 202]);
    expect(setting.broker.keys()[0]!.branchKey).toMatchObject({ wraps: 20, recipients: 3 });
  });
});

describe("unwrap asks in order", () => {
  test("the first alone, while it answers in time", async () => {
    const { setting, envelope, asked } = await restarted();
    expect(await setting.unwrap(envelope)).toHaveLength(32);
    expect(asked()).toEqual({ a: 1, b: 0, c: 0 });
  });

  const failures: Record<string, Fault> = {
    "an error": faults.unmapped,
    "an outage": faults.throttle(60_000),
    "a denial": faults.disabled,
    "a refusal": faults.refuse,
  };

  test.each(Object.entries(failures))("the next one after %s, at once", async (_, fault) => {
    const { setting, envelope, asked } = await restarted();
    setting.a.play(on("unwrap", fault));
    expect(await setting.unwrap(envelope)).toHaveLength(32);
    expect(asked()).toEqual({ a: 1, b: 1, c: 0 });
  });

  test("the next one after the delay, and not before", async () => {
    const { setting, envelope, asked } = await restarted(keyOf({ wrapTo: [a, b], unwrapDelayMs: 700 }));
    setting.a.play(on("unwrap", faults.hang));
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(699);
    expect(asked()).toEqual({ a: 1, b: 0, c: 0 });
    await vi.advanceTimersByTimeAsync(1);
    expect(await opened).toHaveLength(32);
    expect(asked()).toEqual({ a: 1, b: 1, c: 0 });
  });

  test("a third when the second is late too; the first may still win", async () => {
    const { setting, envelope, asked } = await restarted(keyOf({ wrapTo: [a, b, c] }));
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    setting.b.play(on("unwrap", faults.hang));
    setting.c.play(on("unwrap", faults.hang));
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(asked()).toEqual({ a: 1, b: 1, c: 1 });
    gate.resolve();
    expect(await opened).toHaveLength(32);
  });

  test("the loser's late answer is wiped", async () => {
    const { setting, envelope } = await restarted();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(2_000);
    await opened;
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    const answered = [...setting.a.answered, ...setting.b.answered];
    expect(answered).toHaveLength(4);
    expect(answered.every((material) => material.every((byte) => byte === 0))).toBe(true);
  });

  test("one that keeps failing is asked last: nobody waits for it", async () => {
    const { setting, envelope, asked } = await restarted(
      keyOf({ wrapTo: [a, b], unwrapCache: { maxAgeMs: 0, maxEntries: 0 } }),
    );
    setting.a.play(on("unwrap", faults.hang));
    for (let count = 0; count < 5; count++) {
      const opened = setting.unwrap(envelope);
      await vi.advanceTimersByTimeAsync(5_000);
      await opened;
    }
    const before = performance.now();
    for (let count = 0; count < 10; count++) await setting.unwrap(envelope);
    expect(performance.now()).toBe(before);
    expect(asked()).toEqual({ a: 5, b: 15, c: 0 });
  });

  test("the last failure is told when nobody opens, an outage before all", async () => {
    const { setting, envelope } = await restarted();
    setting.a.play(on("unwrap", faults.disabled));
    setting.b.play(on("unwrap", faults.throttle(60_000)));
    expect(await reasonOf(setting.unwrap(envelope))).toBe("PROVIDER_UNAVAILABLE");
    setting.b.play(on("unwrap", faults.refuse));
    expect(await reasonOf(setting.unwrap(envelope))).toBe("KEY_DISABLED");
  });
});

describe("one provider's outage or loss does not stop a restore", () => {
  test("nor when it cannot even name its master key", async () => {
    const first = await settingOf([both]);
    const envelope = await first.wrap();
    first.a.play(faults.hang);
    const setting = await first.restart();
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(0);
    expect(await opened).toHaveLength(32);
  });

  test("nor when the one that answers comes back while the call waits for the other", async () => {
    const first = await settingOf([both]);
    const envelope = await first.wrap();
    first.a.play(on("unwrap", faults.hang));
    first.b.play(on("masterKey", faults.throttle(60_000)));
    const setting = await first.restart();
    await vi.advanceTimersByTimeAsync(0);
    setting.b.play(undefined);
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await opened).toHaveLength(32);
  });

  test("nor when it was removed from the configuration for good", async () => {
    const { setting, envelope } = await restarted();
    const later = await setting.restart([keyOf({ wrapTo: [b] })]);
    expect(await later.unwrap(envelope)).toHaveLength(32);
  });

  test("a denial that purges the key's branch keys does not take the other's answer", async () => {
    const { setting, envelope } = await restarted();
    setting.a.play(faults.disabled);
    const unsealed = await setting.broker.unwrap(setting.key, decode(envelope), context, scopeOf());
    expect(unsealed.dataKey).toHaveLength(32);
  });
});

describe("a new branch key that cannot reach wrapNeeds", () => {
  const needsBoth = keyOf({
    wrapTo: [a, b],
    wrapNeeds: 2,
    branchKey: { maxAgeMs: 1_000, maxWraps: 10, graceMs: 9_000 },
  });

  test("the old one serves through grace, within maxWraps, and then wrapping is refused in clear words", async () => {
    const setting = await settingOf([needsBoth]);
    const { branchId } = decode(await setting.wrap());
    setting.b.play(on("wrap", faults.throttle(60_000)));
    vi.advanceTimersByTime(1_000);
    for (let count = 1; count < 10; count++) expect(decode(await setting.wrap()).branchId).toEqual(branchId);
    const refused = setting.wrap().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await refused).toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: "key backups/db: 1 of the 2 recipients that wrapNeeds asks for can take a new branch key: throttled",
      retryAfterMs: 60_000,
    });
  });

  test("past grace it is refused though its count is not used up, and the first call after the recovery succeeds", async () => {
    const setting = await settingOf([needsBoth]);
    await setting.wrap();
    setting.b.play(on("wrap", faults.throttle(60_000)));
    vi.advanceTimersByTime(10_000);
    expect(await reasonOf(setting.wrap())).toBe("PROVIDER_UNAVAILABLE");
    setting.b.play(undefined);
    const wrapped = setting.wrap();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(decode(await wrapped).recipients).toHaveLength(2);
  });
});

describe("envelopes with fewer recipients than configured", () => {
  async function short() {
    const counted: string[] = [];
    const observer = { ...silent, sealedShort: (key: string) => void counted.push(key) };
    const setting = await settingOf([both], { observer });
    setting.b.play(on("wrap", faults.throttle(60_000)));
    return { setting, counted };
  }

  test("are counted, shown, and due to be rewrapped", async () => {
    const { setting, counted } = await short();
    const envelope = decode(await setting.wrap());
    await setting.wrap();
    expect(envelope.recipients).toHaveLength(1);
    expect(counted).toEqual(["backups/db", "backups/db"]);
    expect(setting.broker.keys()[0]!.branchKey).toMatchObject({ recipients: 1 });
    const later = await setting.restart();
    await vi.advanceTimersByTimeAsync(0);
    expect((await later.broker.unwrap(later.key, envelope, context, scopeOf())).rewrapDue).toBe(true);
  });

  test("full ones are not counted", async () => {
    const counted: string[] = [];
    const setting = await settingOf([both], { observer: { ...silent, sealedShort: (key) => void counted.push(key) } });
    await setting.wrap();
    expect(counted).toEqual([]);
  });

  test("stay few: a full branch key is tried behind the calls, soon and then less often", async () => {
    const { setting } = await short();
    const tries: number[] = [];
    for (let passedMs = 0; passedMs < 120_000; passedMs += 100) {
      const before = setting.b.count("wrap");
      await setting.wrap();
      await vi.advanceTimersByTimeAsync(100);
      if (setting.b.count("wrap") > before) tries.push(passedMs);
    }
    expect(tries.length).toBeGreaterThanOrEqual(5);
    expect(tries.length).toBeLessThanOrEqual(12);
    expect(tries.slice(1, 3).every((at) => at <= 4_000)).toBe(true);
  });

  test("are over as soon as a look finds the missing one back", async () => {
    const { setting } = await short();
    await setting.wrap();
    setting.b.play(undefined);
    await setting.broker.probe();
    expect(decode(await setting.wrap()).recipients).toHaveLength(2);
  });

  test("no caller waits for the one that keeps failing", async () => {
    const setting = await settingOf([keyOf({ ...strict, wrapTo: [a, b], wrapNeeds: 1 })]);
    setting.b.play(on("wrap", faults.hang));
    for (let count = 0; count < 5; count++) {
      const wrapped = setting.wrap();
      await vi.advanceTimersByTimeAsync(5_000);
      await wrapped;
    }
    const before = performance.now();
    for (let count = 0; count < 10; count++) expect(decode(await setting.wrap()).recipients).toHaveLength(1);
    expect(performance.now()).toBe(before);
  });
});

describe("moving from one provider to another", () => {
  test("old envelopes open and are due, new ones are the new provider's, and without the old one the rewrapped open", async () => {
    const setting = await settingOf();
    const old = await setting.wrap();
    const moved = await setting.reload([keyOf({ wrapTo: [b], unwrapOnly: [a] })]);
    const unsealed = await moved.broker.unwrap(moved.key, decode(old), context, scopeOf());
    expect(unsealed.rewrapDue).toBe(true);
    expect(decode(await moved.wrap()).recipients.map(({ kind }) => kind)).toEqual([201]);
    const rewrapped = await moved.broker.rewrap(moved.key, decode(old), scopeOf());
    const alone = await moved.restart([keyOf({ wrapTo: [b] })]);
    expect(await alone.unwrap(rewrapped)).toHaveLength(32);
    expect(await reasonOf(alone.unwrap(old))).toBe("ENVELOPE_REFUSED");
  });
});
