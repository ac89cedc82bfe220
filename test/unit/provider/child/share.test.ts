// One call for many: it is shared, fails for all, and ends when the last has gone.

import { expect, test } from "vitest";
import { createShared } from "../../../../src/provider/child/share.ts";

const never = new AbortController().signal;

test("those who ask while it runs share it; who asks later begins anew", async () => {
  const shared = createShared<number>();
  const first = Promise.withResolvers<number>();
  let runs = 0;
  const work = () => (runs++, first.promise);
  const calls = [shared("a", never, work), shared("a", never, work)];
  first.resolve(1);
  expect(await Promise.all(calls)).toEqual([1, 1]);
  expect(runs).toBe(1);
  expect(await shared("a", never, () => Promise.resolve(2))).toBe(2);
});

test("a failure is everyone's, and forgotten", async () => {
  const shared = createShared<number>();
  const fail = () => Promise.reject(new Error("down"));
  const calls = await Promise.allSettled([shared("a", never, fail), shared("a", never, fail)]);
  expect(calls.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await shared("a", never, () => Promise.resolve(2))).toBe(2);
});

test("one who goes leaves it to the others; the last to go aborts it", async () => {
  const shared = createShared<number>();
  const [one, other] = [new AbortController(), new AbortController()];
  let running: AbortSignal | undefined;
  const work = (signal: AbortSignal) => ((running = signal), new Promise<number>(() => undefined));
  const calls = [shared("a", one.signal, work), shared("a", other.signal, work)];
  one.abort(new Error("gone"));
  await expect(calls[0]).rejects.toThrow("gone");
  expect(running!.aborted).toBe(false);
  other.abort(new Error("gone too"));
  await expect(calls[1]).rejects.toThrow("gone too");
  expect(running!.aborted).toBe(true);
});

test("one who comes after all have gone does not wait for what was aborted", async () => {
  const shared = createShared<number>();
  const end = new AbortController();
  const call = shared("a", end.signal, () => new Promise<number>(() => undefined));
  end.abort(new Error("gone"));
  await expect(call).rejects.toThrow("gone");
  expect(await shared("a", never, () => Promise.resolve(3))).toBe(3);
});
