// Rules of the cache and the branch keys that the broker's other layers would hide.

import { createSecretKey } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { BranchKeys } from "../../../src/broker/branch-keys.ts";
import { createUnwrapCache } from "../../../src/broker/unwrap-cache.ts";
import { decode } from "../../../src/envelope/index.ts";
import { settingOf, useFakeTime } from "./setting.ts";

useFakeTime();

const opening = { sealKey: createSecretKey(Buffer.alloc(32, 1)), version: "v1", rewrapDue: false };

describe("the unwrap cache", () => {
  test("misses for every change of the header, though the commitment is equal", async () => {
    const bytes = await (await settingOf()).wrap();
    const cache = createUnwrapCache({ maxAgeMs: 1_000, maxEntries: 10 });
    const { branchHeader, h0 } = decode(bytes);
    cache.keep(branchHeader, opening, performance.now());
    expect(cache.find(decode(bytes))).toMatchObject(opening);
    for (let index = 0; index < h0.length; index++) {
      const changed = Buffer.from(branchHeader);
      changed[index]! ^= 1;
      expect(cache.find({ ...decode(bytes), branchHeader: changed }), `byte ${index}`).toBeUndefined();
    }
    expect(cache.find({ ...decode(bytes), branchHeader: branchHeader.slice(1) })).toBeUndefined();
    expect(cache.find(decode(bytes))).toMatchObject(opening);
  });

  test("counts an entry's age from loading, not from when it was kept", async () => {
    const envelope = decode(await (await settingOf()).wrap());
    const cache = createUnwrapCache({ maxAgeMs: 1_000, maxEntries: 10 });
    cache.keep(envelope.branchHeader, opening, performance.now() - 999);
    expect(cache.find(envelope)).toBeDefined();
    cache.keep(envelope.branchHeader, opening, performance.now() - 1_000);
    expect(cache.find(envelope)).toBeUndefined();
  });

  test("lets expired entries go though nobody asks, and leaves no timer behind", async () => {
    const envelope = decode(await (await settingOf()).wrap());
    vi.clearAllTimers();
    const cache = createUnwrapCache({ maxAgeMs: 1_000, maxEntries: 10 });
    cache.keep(envelope.branchHeader, opening, performance.now());
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(vi.getTimerCount()).toBe(0);
    cache.keep(envelope.branchHeader, opening, performance.now());
    cache.clear();
    expect(vi.getTimerCount()).toBe(0);
    expect(cache.find(envelope)).toBeUndefined();
  });
});

describe("branch keys", () => {
  const sealing = { h0: Buffer.alloc(1), commitment: Buffer.alloc(32), sealKey: opening.sealKey };

  test("one in the making when all were cleared is neither kept nor handed out", async () => {
    const branches = new BranchKeys({ maxAgeMs: 1_000, maxWraps: 10, graceMs: 0 });
    const gate = Promise.withResolvers<{ sealing: typeof sealing; recipients: string[]; missing: number }>();
    const reserved = branches.reserveNew(() => gate.promise);
    branches.clear();
    gate.resolve({ sealing, recipients: [], missing: 0 });
    await expect(reserved).rejects.toThrow("purged");
    expect(branches.status()).toBeUndefined();
    expect(branches.failure()).toBeUndefined();
  });

  test("age counts from before the branch key was made", async () => {
    const branches = new BranchKeys({ maxAgeMs: 1_000, maxWraps: 10, graceMs: 0 });
    const gate = Promise.withResolvers<{ sealing: typeof sealing; recipients: string[]; missing: number }>();
    const reserved = branches.reserveNew(() => gate.promise);
    vi.advanceTimersByTime(600);
    gate.resolve({ sealing, recipients: [], missing: 0 });
    await reserved;
    vi.advanceTimersByTime(399);
    expect(branches.reserve(performance.now())?.sealing).toBe(sealing);
    vi.advanceTimersByTime(1);
    expect(branches.reserve(performance.now())).toBeUndefined();
  });
});
