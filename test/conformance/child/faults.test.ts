// A child that hangs, ends or lies: calls under way fail, the daemon goes on, and the next call finds a new child.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "../../backends/until.ts";
import { binding, never, openFaulty, runs } from "./setting.ts";
import type { Setting, SettingOptions } from "./setting.ts";

let setting: Setting;

afterEach(() => setting.end());

const material = () => Buffer.alloc(64, 7);
const unavailable = { reason: "PROVIDER_UNAVAILABLE" };

async function begin(name: string, options?: SettingOptions) {
  setting = await openFaulty(options);
  return { wild: await setting.key(name), honest: await setting.key("honest") };
}

describe("a call that blocks its child", () => {
  test("is rejected at its abort, and so long after it the child is killed; the next child serves the same master key", async () => {
    const { wild, honest } = await begin("block");
    const blocked = setting.pid()!;
    const controller = new AbortController();
    const hung = wild.wrap(material(), binding, controller.signal);
    const waiting = honest.wrap(material(), binding, never);
    await setImmediate();
    controller.abort(new Error("the deadline"));
    await expect(hung).rejects.toThrow("the deadline");
    expect(runs(blocked)).toBe(true);
    await expect(waiting).rejects.toMatchObject({ ...unavailable, message: /it was blocked, and was ended/ });
    await until("the blocked child's end", () => (runs(blocked) ? undefined : true));
    await setting.restarted(1);
    const { wrapped } = await honest.wrap(material(), binding, never);
    expect((await honest.unwrap(wrapped, 1, binding, never)).material).toEqual(material());
    expect(setting.pid()).not.toBe(blocked);
  });

  test("never delays the daemon's event loop", async () => {
    // A loaded machine delays everybody now and then; a daemon that waits for its child is delayed each time.
    const delays: number[] = [];
    for (let attempt = 0; attempt < 3 && !delays.some((ms) => ms < 20); attempt++) {
      if (attempt > 0) await setting.end();
      const { wild } = await begin("block", { killAfterMs: 200 });
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      const controller = new AbortController();
      const hung = Promise.allSettled(Array.from({ length: 32 }, () => wild.probe(controller.signal)));
      await new Promise((resolve) => setTimeout(resolve, 300));
      controller.abort();
      await hung;
      await setting.restarted(1);
      delays.push((delay.max - 1e6) / 1e6);
      delay.disable();
    }
    expect(Math.min(...delays)).toBeLessThan(20);
  });

  test("is the child's end also when the call would end by itself, but heeds no abort", async () => {
    const { wild } = await begin("never");
    const before = setting.pid()!;
    await expect(wild.probe(AbortSignal.timeout(20))).rejects.toThrow();
    await until("the child's end", () => (runs(before) ? undefined : true));
  });

  test("but not when the call ends in time after its abort", async () => {
    const { wild, honest } = await begin("late", { killAfterMs: 600 });
    await expect(wild.wrap(material(), binding, AbortSignal.timeout(10))).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 700));
    await honest.probe(never);
    expect(setting.starts()).toBe(1);
  });
});

describe("a child that ends in a call", () => {
  test.each([
    ["exit", /it ended with status 3/],
    ["crash", /it was ended by SIGSEGV/],
    ["uncaught", /it ended with status 70/],
    ["garbage", /it answered what is no answer/],
    ["huge frame", /it answered what is no answer/],
    ["unasked answer", /it answered what is no answer/],
  ])("by %s: all calls under way fail, and the next child answers", async (name, message) => {
    const { wild, honest } = await begin(name);
    const others = [setting.key("never").then((key) => key.probe(never)), wild.probe(never)];
    for (const call of others) await expect(call).rejects.toMatchObject({ ...unavailable, message });
    await setting.restarted(1);
    await honest.probe(never);
    const said = setting.notices.find(({ topic }) => topic === "process");
    expect(said).toMatchObject({ level: "warning", message });
    expect(JSON.stringify(setting.notices)).not.toContain("hunter2");
  });

  test("its last line on standard error is the cause, however much it wrote", async () => {
    const { wild } = await begin("stderr flood");
    const error = await wild.probe(never).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ ...unavailable, cause: { message: "the last line" } });
    expect((error as Error).message).not.toContain("the last line");
  });

  test("an error nobody caught is told by name and place, without its message", async () => {
    const { wild } = await begin("uncaught");
    const error = (await wild.probe(never).catch((caught: unknown) => caught)) as Error & { cause: Error };
    expect(error.cause.name).toBe("RangeError");
    expect(error.cause.stack).toContain("faulty-child.ts:");
    expect(`${error.message}${error.cause.message}${error.cause.stack}`).not.toContain("hunter2");
  });

  test("while it waits to be started again, calls fail at once and say for how long", async () => {
    const { wild, honest } = await begin("exit", { times: { firstDelayMs: 5_000 } });
    await expect(wild.probe(never)).rejects.toMatchObject(unavailable);
    const error = (await honest.probe(never).catch((caught: unknown) => caught)) as { retryAfterMs: number };
    expect(error).toMatchObject({ ...unavailable, message: /status 3; it is started again/ });
    expect(error.retryAfterMs).toBeGreaterThan(3_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(5_000);
  });
});

test("a flood of whole frames neither stops the daemon nor the call", async () => {
  const { wild, honest } = await begin("flood");
  await wild.probe(never);
  await honest.probe(never);
  expect(setting.starts()).toBe(1);
  expect(setting.notices.length).toBeGreaterThan(100);
});

describe("delays between starts", () => {
  test("double, up to the longest", async () => {
    const { wild } = await begin("exit", { times: { firstDelayMs: 20, longestDelayMs: 50 } });
    for (let starts = 1; starts <= 3; starts++) {
      await expect(wild.probe(never)).rejects.toMatchObject(unavailable);
      await setting.restarted(starts);
    }
    expect(setting.notices.flatMap(({ message }) => /in (\d+) ms/.exec(message)?.[1] ?? [])).toEqual([
      "20",
      "40",
      "50",
    ]);
  });

  test("begin anew after a while of health", async () => {
    const { wild } = await begin("exit", { times: { firstDelayMs: 20, healthyMs: 0 } });
    for (let starts = 1; starts <= 2; starts++) {
      await expect(wild.probe(never)).rejects.toMatchObject(unavailable);
      await setting.restarted(starts);
    }
    expect(setting.notices.flatMap(({ message }) => /in (\d+) ms/.exec(message)?.[1] ?? [])).toEqual(["20", "20"]);
  });
});
