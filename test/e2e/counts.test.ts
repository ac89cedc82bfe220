// How often a backend is asked, counted there: once per branch key, or once per call, and never more.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCounting } from "../faults/counted.ts";
import type { Counting } from "../faults/counted.ts";
import { subject as remote } from "../faults/remote/subject.ts";

let counting: Counting;
beforeAll(async () => void (counting = (await startCounting(remote))!));
afterAll(() => counting.stop());

const clients = 8;

describe("with branch keys that are kept", () => {
  test("the backend wraps one and unwraps it once, for whatever 8 clients ask", async () => {
    const { seen } = await counting.wrapAndUnwrap({ operations: 4_000, clients, key: {} });
    expect(seen).toEqual({ wraps: 1, unwraps: 1 });
  });

  test("another process unwraps it once, however many ask at once", async () => {
    const { seen, asked } = await counting.unwrapFor({ clients, key: {} }, 500);
    expect(asked.unwraps).toBeGreaterThan(clients);
    // The daemon's own branch key, proven, and the one that was loaded.
    expect(seen).toEqual({ wraps: 1, unwraps: 2 });
  });

  test("and again after each maxAge", async () => {
    const { seen, seconds } = await counting.unwrapFor({ clients, key: { unwrapCache: { maxAge: "1s" } } }, 3_500);
    const loads = seen.unwraps - 1;
    expect(loads).toBeGreaterThanOrEqual(3);
    expect(loads).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  });

  test("a branch key that is used up is followed by one more", async () => {
    const key = { branchKey: { maxWraps: 100 } };
    const { seen } = await counting.wrapAndUnwrap({ operations: 2_000, clients, key });
    // 1,000 wraps and the daemon's own.
    expect(seen).toEqual({ wraps: 11, unwraps: 11 });
  });
});

test("in strict mode every envelope is wrapped and proven, and every unwrap asks", async () => {
  const key = { branchKey: { maxWraps: 1 }, unwrapCache: "none" };
  const { seen } = await counting.wrapAndUnwrap({ operations: 1_000, clients, key });
  // 500 of each, and the daemon's own.
  expect(seen).toEqual({ wraps: 501, unwraps: 2 * 501 });
});
