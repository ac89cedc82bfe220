// Grace: a branch key that is due but cannot be replaced serves on, within its count.

import { describe, expect, test, vi } from "vitest";
import { decode } from "../../../src/envelope/index.ts";
import { faults, on } from "../../fakes/faulty-provider.ts";
import { context, keyOf, reasonOf, recipient, scopeOf, settingOf, useFakeTime } from "./setting.ts";

useFakeTime();

const graceful = keyOf({ branchKey: { maxAgeMs: 1_000, maxWraps: 5, graceMs: 10_000 } });

describe("a branch key that is due", () => {
  test("is replaced where that is possible, grace or not", async () => {
    const setting = await settingOf([graceful]);
    const first = decode(await setting.wrap()).branchId;
    vi.advanceTimersByTime(1_000);
    expect(decode(await setting.wrap()).branchId).not.toEqual(first);
  });

  test("serves through grace while the backend is down, and no longer", async () => {
    const setting = await settingOf([graceful]);
    const first = decode(await setting.wrap()).branchId;
    setting.a.play(faults.throttle(60_000));
    vi.advanceTimersByTime(10_999);
    expect(decode(await setting.wrap()).branchId).toEqual(first);
    vi.advanceTimersByTime(1);
    const refused = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await refused).toBe("PROVIDER_UNAVAILABLE");
  });

  test("serves within maxWraps alone", async () => {
    const setting = await settingOf([graceful]);
    await setting.wrap();
    setting.a.play(faults.throttle(60_000));
    vi.advanceTimersByTime(1_000);
    for (let count = 1; count < 5; count++) await setting.wrap();
    const refused = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await refused).toBe("PROVIDER_UNAVAILABLE");
  });

  test("does not serve when the master key was disabled", async () => {
    const setting = await settingOf([graceful]);
    await setting.wrap();
    setting.a.play(on("wrap", faults.disabled));
    vi.advanceTimersByTime(1_000);
    expect(await reasonOf(setting.wrap())).toBe("KEY_DISABLED");
    const again = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await again).toBe("KEY_DISABLED");
  });

  test("serves at once after the first failure, and is replaced behind its back when the backend returns", async () => {
    const setting = await settingOf([keyOf({ branchKey: { maxAgeMs: 1_000, maxWraps: 100, graceMs: 3_600_000 } })]);
    const first = decode(await setting.wrap()).branchId;
    setting.a.play(on("wrap", faults.hang));
    vi.advanceTimersByTime(1_000);
    const waited = setting.wrap();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(decode(await waited).branchId).toEqual(first);
    // No timer moves here: these wait for nobody.
    for (let count = 0; count < 10; count++) expect(decode(await setting.wrap()).branchId).toEqual(first);
    setting.a.play(undefined);
    vi.advanceTimersByTime(60_000);
    await setting.wrap();
    await vi.advanceTimersByTimeAsync(0);
    expect(decode(await setting.wrap()).branchId).not.toEqual(first);
  });

  test("retries behind it are spaced out", async () => {
    const setting = await settingOf([keyOf({ branchKey: { maxAgeMs: 1_000, maxWraps: 2 ** 20, graceMs: 3_600_000 } })]);
    await setting.wrap();
    setting.a.play(faults.throttle(60_000));
    const before = setting.a.calls.length;
    for (let passedMs = 0; passedMs < 600_000; passedMs += 100) {
      await setting.wrap();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(setting.a.calls.length - before).toBeLessThan(30);
  });
});

describe("a branch key that lacks a recipient", () => {
  test("is due after a minute, so that the missing one is back in envelopes soon", async () => {
    const key = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")], wrapNeeds: 1 });
    const setting = await settingOf([key]);
    setting.b.play(on("wrap", faults.throttle(60_000)));
    expect(decode(await setting.wrap()).recipients).toHaveLength(1);
    setting.b.play(undefined);
    vi.advanceTimersByTime(60_000);
    expect(decode(await setting.wrap()).recipients).toHaveLength(2);
  });
});

describe("making a branch key is shared", () => {
  test("a hundred wraps at the start make one", async () => {
    const setting = await settingOf();
    await Promise.all(Array.from({ length: 100 }, () => setting.wrap()));
    expect(setting.a.count("wrap")).toBe(1);
    expect(setting.broker.keys()[0]!.branchKey?.wraps).toBe(100);
  });

  test("a purge takes it from those who began it and from those who joined later", async () => {
    const setting = await settingOf();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("wrap", async (_, answer) => (await gate.promise, answer())));
    const first = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(10);
    const joined = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(10);
    setting.broker.purge();
    gate.resolve();
    expect(await Promise.all([first, joined])).toEqual(["PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE"]);
    expect(setting.a.count("wrap")).toBe(1);
  });

  test("one that fails and began before a call is followed by another for that call", async () => {
    const setting = await settingOf();
    setting.a.play(on("wrap", faults.hang));
    const first = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(4_000);
    setting.a.play(undefined);
    const joined = setting.wrap();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await first).toBe("PROVIDER_TIMEOUT");
    expect(await joined).toBeInstanceOf(Uint8Array);
  });

  test("one caller's abort does not cancel it for the others", async () => {
    const setting = await settingOf();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("wrap", async (_, answer) => (await gate.promise, answer())));
    const leaving = scopeOf();
    const left = reasonOf(setting.broker.wrap(setting.key, Buffer.alloc(32), context, leaving));
    const staying = setting.wrap();
    await vi.advanceTimersByTimeAsync(0);
    leaving.cancel();
    expect(await left).toBe("PROVIDER_TIMEOUT");
    gate.resolve();
    expect(await staying).toBeInstanceOf(Uint8Array);
    expect(setting.a.count("wrap")).toBe(1);
  });
});
