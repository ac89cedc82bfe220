// A token's life: renewed at two thirds, replaced at half of its absolute life, alarms at 50 % and 80 %.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { lifeOf, renewalAtMs, renewedLife } from "../../../../providers/vault/life.ts";
import type { Life } from "../../../../providers/vault/life.ts";
import { createUpkeep } from "../../../../providers/vault/upkeep.ts";
import type { Upkeep } from "../../../../providers/vault/upkeep.ts";
import type { Notice } from "../../../../src/provider/index.ts";

const hourMs = 3_600_000;
const hourS = 3_600;

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] }));
afterEach(() => void vi.useRealTimers());

describe("a token's life", () => {
  const serverMs = 1_800_000_000_000;

  test("is counted on the server's clock", () => {
    const facts = { creation_time: serverMs / 1_000 - hourS, ttl: hourS, explicit_max_ttl: 4 * hourS, renewable: true };
    const life = lifeOf(facts, serverMs, 10 * hourMs);
    expect(life).toMatchObject({ bornAtMs: 9 * hourMs, expiresAtMs: 11 * hourMs, endsAtMs: 13 * hourMs });
  });

  test("of a root token has no end", () => {
    const life = lifeOf({ ttl: 0, renewable: false }, serverMs, 0);
    expect(life).toMatchObject({ expiresAtMs: undefined, endsAtMs: undefined });
    expect(renewalAtMs(life)).toBeUndefined();
  });

  test("of a token that cannot be renewed ends with its time to live", () => {
    expect(lifeOf({ ttl: hourS, renewable: false }, undefined, 0)).toMatchObject({ endsAtMs: hourMs });
  });

  test("ends where a renewal is cut short", () => {
    const life = lifeOf({ ttl: hourS, creation_ttl: hourS, renewable: true }, undefined, 0);
    expect(renewedLife(life, { lease_duration: hourS, renewable: true }, 1_000).endsAtMs).toBeUndefined();
    const cut = renewedLife(life, { lease_duration: hourS / 2, renewable: true }, hourMs);
    expect(cut).toMatchObject({ bornAtMs: 0, endsAtMs: 1.5 * hourMs });
    expect(renewalAtMs(cut)).toBeUndefined();
  });

  test.each([{}, { ttl: -1 }, { ttl: Number.NaN }, { ttl: "1h" as never }])("survives facts like %j", (facts) => {
    expect(lifeOf(facts, undefined, 5)).toMatchObject({ bornAtMs: 5, expiresAtMs: undefined });
  });
});

describe("upkeep", () => {
  const notices: Notice[] = [];
  let upkeep: Upkeep;
  const renew = vi.fn<() => Promise<Life>>();
  const replace = vi.fn<() => Promise<unknown>>();

  const lived = (facts: Parameters<typeof lifeOf>[0]) => lifeOf(facts, undefined, performance.now());
  const topics = () => notices.map(({ topic, level }) => `${level} ${topic}`);

  beforeEach(() => {
    notices.splice(0);
    renew.mockReset();
    replace.mockReset().mockResolvedValue(undefined);
    upkeep = createUpkeep({
      renew,
      replace,
      remedy: "put a new token into /run/token",
      notify: (notice) => notices.push(notice),
    });
  });
  afterEach(() => upkeep.stop());

  test("renews at two thirds, again and again", async () => {
    let life = lived({ ttl: hourS, creation_ttl: hourS, renewable: true });
    renew.mockImplementation(() =>
      Promise.resolve((life = renewedLife(life, { lease_duration: hourS, renewable: true }, performance.now()))),
    );
    upkeep.follow(life);
    await vi.advanceTimersByTimeAsync((hourMs * 2) / 3 - 1_000);
    expect(renew).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(renew).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(24 * hourMs);
    expect(renew).toHaveBeenCalledTimes(37);
    expect(notices).toEqual([]);
  });

  test("raises an alarm at 50 % and at 80 % of the absolute life, once each, for a token that nobody replaces", async () => {
    upkeep.follow(lived({ ttl: 10 * hourS, renewable: false }));
    await vi.advanceTimersByTimeAsync(5 * hourMs - 1_000);
    expect(topics()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(topics()).toEqual(["warning credential-life"]);
    expect(notices[0]!.message).toMatch(/^50 % .* ends in 5 h.*put a new token into/);
    await vi.advanceTimersByTimeAsync(3 * hourMs - 1_001);
    expect(topics()).toEqual(["warning credential-life"]);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(topics()).toEqual(["warning credential-life", "error credential-life"]);
    await vi.advanceTimersByTimeAsync(48 * hourMs);
    expect(notices).toHaveLength(2);
  });

  test("tells one alarm for a token that comes old", () => {
    const age = { creation_time: 0, ttl: hourS, explicit_max_ttl: 10 * hourS, renewable: true };
    upkeep.follow(lifeOf(age, 9 * hourMs, performance.now()));
    return vi.advanceTimersByTimeAsync(10).then(() => expect(topics()).toEqual(["error credential-life"]));
  });

  test("replaces a token at half of its absolute life, and no alarm is raised", async () => {
    replace.mockImplementation(() => Promise.resolve(upkeep.follow(lived({ ttl: hourS, renewable: false }))));
    upkeep.follow(lived({ ttl: hourS, renewable: false }));
    await vi.advanceTimersByTimeAsync(10.2 * hourMs);
    expect(replace).toHaveBeenCalledTimes(20);
    expect(notices).toEqual([]);
  });

  test("raises both alarms where replacing fails, and keeps on trying with pauses", async () => {
    replace.mockRejectedValue(new Error("refused"));
    upkeep.follow(lived({ ttl: hourS, renewable: false }));
    await vi.advanceTimersByTimeAsync(hourMs);
    expect(topics()).toEqual(["warning credential-life", "error credential-life"]);
    expect(replace.mock.calls.length).toBeGreaterThan(3);
    expect(replace.mock.calls.length).toBeLessThan(15);
  });

  test("tells of a renewal that fails, and tries again after a pause", async () => {
    renew.mockRejectedValue(new Error("the server is sealed"));
    upkeep.follow(lived({ ttl: hourS, creation_ttl: hourS, renewable: true }));
    await vi.advanceTimersByTimeAsync(hourMs);
    expect(notices[0]).toMatchObject({
      topic: "credential-renewal",
      level: "warning",
      message: expect.stringContaining("sealed") as string,
    });
    expect(renew.mock.calls.length).toBeGreaterThan(1);
    expect(renew.mock.calls.length).toBeLessThan(10);
  });

  // 2^31 ms are 24.8 days; setTimeout makes 1 ms of anything longer.
  test("a token of months does not overflow its timer", async () => {
    renew.mockRejectedValue(new Error("never due"));
    upkeep.follow(lived({ ttl: 60 * 24 * hourS, renewable: true, creation_ttl: 60 * 24 * hourS }));
    await vi.advanceTimersByTimeAsync(36 * 24 * hourMs);
    expect(renew).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(4 * 24 * hourMs + 1);
    expect(renew).toHaveBeenCalled();
  });

  test("nothing happens after its end", async () => {
    upkeep.follow(lived({ ttl: hourS, renewable: true, creation_ttl: hourS }));
    upkeep.stop();
    await vi.advanceTimersByTimeAsync(10 * hourMs);
    expect(renew).toHaveBeenCalledTimes(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
