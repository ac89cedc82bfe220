// The guard before a provider: places, queue, retries, breaker, closing.

import { describe, expect, test, vi } from "vitest";
import { BrokerError } from "../../../src/errors/index.ts";
import { Guard } from "../../../src/broker/guard.ts";
import { silent } from "../../../src/broker/observer.ts";
import { reasonOf, useFakeTime } from "./setting.ts";

useFakeTime();

const limits = { maxProviderCalls: 2, providerTimeoutMs: 1_000 };
const guardOf = (observer = silent) => new Guard("p", limits, observer);
const hang = () => new Promise<never>(() => {});
const down = (hintMs?: number) => () =>
  Promise.reject(new BrokerError("PROVIDER_UNAVAILABLE", "down", hintMs === undefined ? {} : { retryAfterMs: hintMs }));

describe("places", () => {
  test("no more than maxProviderCalls are under way, and those beyond wait their turn", async () => {
    const guard = guardOf();
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
    let begun = 0;
    const calls = gates.map(({ promise }) => guard.call("wrap", () => (begun++, promise)));
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toBe(2);
    gates[0]!.resolve(0);
    await calls[0];
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toBe(3);
    gates.forEach(({ resolve }, index) => resolve(index));
    expect(await Promise.all(calls)).toEqual([0, 1, 2, 3, 4]);
  });

  test("a full queue answers OVERLOADED at once", async () => {
    const guard = guardOf();
    const waiting = Array.from({ length: 10 }, () => reasonOf(guard.call("wrap", hang)));
    await vi.advanceTimersByTimeAsync(0);
    expect(await reasonOf(guard.call("wrap", hang))).toBe("OVERLOADED");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["PROVIDER_TIMEOUT"]));
  });

  test("a call whose deadline passed in the queue never begins", async () => {
    const guard = guardOf();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const busy = gates.map(({ promise }) => reasonOf(guard.call("wrap", () => promise)));
    const work = vi.fn(hang);
    const queued = reasonOf(guard.call("wrap", work));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await queued).toBe("PROVIDER_TIMEOUT");
    await Promise.all(busy);
    for (const { resolve } of gates) resolve();
    await vi.advanceTimersByTimeAsync(100);
    expect(work).not.toHaveBeenCalled();
  });

  test("calls that heed no abort give their places back after a while", async () => {
    const guard = guardOf();
    const stuck = [reasonOf(guard.call("wrap", hang)), reasonOf(guard.call("wrap", hang))];
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(stuck);
    const early = reasonOf(guard.call("wrap", () => Promise.resolve()));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await early).toBe("PROVIDER_TIMEOUT");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await guard.call("wrap", () => Promise.resolve("served"))).toBe("served");
  });
});

describe("retries", () => {
  test("an outage is tried again at most twice, within the deadline", async () => {
    const guard = guardOf();
    const work = vi.fn(down());
    const reason = reasonOf(guard.call("wrap", work));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await reason).toBe("PROVIDER_UNAVAILABLE");
    expect(work).toHaveBeenCalledTimes(3);
  });

  test("the backend's hint is kept: never earlier, and not at all when it is long", async () => {
    const guard = guardOf();
    const work = vi.fn(down(500));
    void reasonOf(guard.call("wrap", work));
    await vi.advanceTimersByTimeAsync(499);
    expect(work).toHaveBeenCalledTimes(1);
    const long = vi.fn(down(5_000));
    expect(await reasonOf(guard.call("wrap", long))).toBe("PROVIDER_UNAVAILABLE");
    expect(long).toHaveBeenCalledTimes(1);
  });

  test("a retry that the deadline cut short is no further outage for the breaker", async () => {
    const guard = guardOf();
    for (let count = 0; count < 4; count++) {
      const reason = reasonOf(guard.call("wrap", down(1_000)));
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await reason).toBe("PROVIDER_TIMEOUT");
    }
    expect(await guard.call("wrap", () => Promise.resolve("served"))).toBe("served");
  });

  test.each(["ENVELOPE_REFUSED", "KEY_DISABLED"] as const)("%s is final", async (reason) => {
    const work = vi.fn(() => Promise.reject(new BrokerError(reason, "final")));
    expect(await reasonOf(guardOf().call("wrap", work))).toBe(reason);
    expect(work).toHaveBeenCalledTimes(1);
  });

  test("the budget bounds them: a backend that fails every other time gets a tenth more calls", async () => {
    const guard = guardOf();
    let calls = 0;
    const work = () => (++calls % 2 ? down()() : Promise.resolve());
    for (let count = 0; count < 400; count++) {
      const done = guard.call("wrap", work).catch(() => {});
      await vi.advanceTimersByTimeAsync(500);
      await done;
    }
    // 400 calls earn 40 retries, and 10 were in store.
    expect(calls).toBeLessThanOrEqual(450);
    expect(calls).toBeGreaterThan(430);
  });
});

describe("reasons", () => {
  test("one that is not a provider's to give becomes INTERNAL", async () => {
    const work = () => Promise.reject(new BrokerError("DENIED", "not yours"));
    expect(await reasonOf(guardOf().call("wrap", work))).toBe("INTERNAL");
  });

  test("an error of another copy of this package counts by its brand", async () => {
    const foreign = Object.assign(new Error("no"), {
      reason: "KEY_DISABLED",
      [Symbol.for("keybroker.BrokerError")]: true,
    });
    await expect(guardOf().call("wrap", () => Promise.reject(foreign))).rejects.toMatchObject({
      reason: "KEY_DISABLED",
    });
  });

  test("a provider that throws instead of rejecting", async () => {
    const work = () => {
      throw new TypeError("at once");
    };
    expect(await reasonOf(guardOf().call("wrap", work))).toBe("INTERNAL");
  });

  test("the observer hears of each call once, with its outcome", async () => {
    const heard: string[] = [];
    const guard = guardOf({ ...silent, providerCall: (...call) => void heard.push(call.slice(0, 3).join(" ")) });
    await guard.call("wrap", () => Promise.resolve());
    await reasonOf(guard.call("unwrap", down(5_000)));
    expect(heard).toEqual(["p wrap done", "p unwrap PROVIDER_UNAVAILABLE"]);
    expect(guard.status().outage?.message).toBe("down");
  });
});

describe("closing", () => {
  test("aborts what is under way and refuses what comes", async () => {
    const guard = guardOf();
    let signal: AbortSignal | undefined;
    const running = reasonOf(guard.call("wrap", (given) => ((signal = given), hang())));
    await vi.advanceTimersByTimeAsync(0);
    guard.close();
    expect(await running).toBe("PROVIDER_UNAVAILABLE");
    expect(signal?.aborted).toBe(true);
    const work = vi.fn(hang);
    expect(await reasonOf(guard.call("wrap", work))).toBe("PROVIDER_UNAVAILABLE");
    expect(work).not.toHaveBeenCalled();
  });
});
