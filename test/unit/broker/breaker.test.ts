// The breaker: what opens it, who waits, and that a call which comes after the recovery is served.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { Breaker, LeftAlone } from "../../../src/broker/breaker.ts";
import { Guard } from "../../../src/broker/guard.ts";
import { silent } from "../../../src/broker/observer.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { reasonOf, useFakeTime } from "./setting.ts";

useFakeTime();

const never = new AbortController().signal;
const down = () => Promise.reject(new BrokerError("PROVIDER_UNAVAILABLE", "down"));
const served = () => Promise.resolve("served");
const settled = (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.name);

let breaker: Breaker;

async function opened(maxWaiting = 10): Promise<Breaker> {
  const made = new Breaker(maxWaiting);
  for (let count = 0; count < 5; count++) await settled(made.pass(down, never));
  return made;
}

beforeEach(async () => {
  breaker = await opened();
});

describe("it opens", () => {
  test("after five outages in a row, and not after four", async () => {
    const young = new Breaker(10);
    for (let count = 0; count < 4; count++) await settled(young.pass(down, never));
    expect(young.open).toBe(false);
    await young.pass(served, never);
    for (let count = 0; count < 4; count++) await settled(young.pass(down, never));
    expect(young.open).toBe(false);
    await settled(young.pass(down, never));
    expect(young.open).toBe(true);
  });
});

describe("while it is open", () => {
  test("the first call after the recovery succeeds, within a second of any failed trial", async () => {
    for (let trial = 0; trial < 8; trial++) {
      const failed = settled(breaker.pass(down, never));
      await vi.advanceTimersByTimeAsync(1_000);
      await failed;
    }
    const call = breaker.pass(served, never);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await call).toBe("served");
    expect(breaker.open).toBe(false);
  });

  test("one trial is made at a time, and nobody else reaches the backend", async () => {
    const gate = Promise.withResolvers<string>();
    const work = vi.fn(() => gate.promise);
    const calls = Array.from({ length: 5 }, () => breaker.pass(work, never));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(work).toHaveBeenCalledTimes(1);
    gate.resolve("served");
    expect(await Promise.all(calls)).toEqual(Array(5).fill("served"));
    expect(work).toHaveBeenCalledTimes(5);
  });

  test("who waited for a trial that failed is told so, and waits for no second one", async () => {
    const work = vi.fn(down);
    const calls = Array.from({ length: 5 }, () => settled(breaker.pass(work, never)));
    await vi.advanceTimersByTimeAsync(100);
    expect(await Promise.all(calls)).toEqual(["BrokerError", ...Array<string>(4).fill("LeftAlone")]);
    expect(work).toHaveBeenCalledTimes(1);
  });

  test("a trial that began before a call came is not held against it", async () => {
    await vi.advanceTimersByTimeAsync(100);
    const gate = Promise.withResolvers<string>();
    const old = settled(breaker.pass(() => gate.promise, never));
    const call = breaker.pass(served, never);
    gate.reject(new BrokerError("PROVIDER_TIMEOUT", "began before the recovery"));
    await old;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await call).toBe("served");
  });

  test("a caller that goes away waits no longer, and its work never begins", async () => {
    const caller = new AbortController();
    const work = vi.fn(served);
    const call = settled(breaker.pass(work, caller.signal));
    caller.abort(new BrokerError("PROVIDER_TIMEOUT", "gone"));
    expect(await call).toBe("BrokerError");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(work).not.toHaveBeenCalled();
  });

  test("no more may wait than there are places", async () => {
    const full = await opened(2);
    const calls = Array.from({ length: 3 }, () => full.pass(served, never));
    await expect(calls[2]).rejects.toBeInstanceOf(LeftAlone);
    await vi.advanceTimersByTimeAsync(100);
    expect(await Promise.all(calls.slice(0, 2))).toEqual(["served", "served"]);
  });

  test("trials stay at least half of the pause apart, which grows to a second", async () => {
    const begun: number[] = [];
    const work = () => (begun.push(performance.now()), down());
    for (let passedMs = 0; passedMs < 20_000; passedMs += 50) {
      void settled(breaker.pass(work, never));
      await vi.advanceTimersByTimeAsync(50);
    }
    const gaps = begun.slice(1).map((at, index) => at - begun[index]!);
    expect(Math.min(...gaps.slice(4))).toBeGreaterThanOrEqual(500);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1_050);
  });
});

describe("a guard whose backend kept failing", () => {
  const guardOf = async () => {
    const guard = new Guard("p", { maxProviderCalls: 8, providerTimeoutMs: 5_000 }, silent);
    for (let count = 0; count < 5; count++) {
      const failed = reasonOf(guard.call("unwrap", down, { once: true }));
      await vi.advanceTimersByTimeAsync(1_000);
      await failed;
    }
    return guard;
  };

  test("says so, to whoever looks and to callers that waited for a trial", async () => {
    const guard = await guardOf();
    expect(guard.leftAlone).toBe(true);
    await reasonOf(guard.call("wrap", down, { once: true }));
    const calls = [1, 2].map(() => guard.call("wrap", down, { once: true }).catch((error: Error) => error.message));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await Promise.all(calls)).toEqual(["down", "provider p keeps failing and is left alone for a moment"]);
  });

  test("serves the first call after the recovery", async () => {
    const guard = await guardOf();
    const call = guard.call("unwrap", served);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await call).toBe("served");
    expect(guard.leftAlone).toBe(false);
  });

  test("keeps telling of the outage itself", async () => {
    const guard = await guardOf();
    await reasonOf(guard.call("wrap", down, { once: true }));
    const calls = [1, 2].map(() => reasonOf(guard.call("wrap", down, { once: true })));
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(calls);
    expect(guard.status().outage?.message).toBe("down");
  });
});
