// Request ids are forgotten: after their hour, and the oldest of too many.

import { expect, test } from "vitest";
import { createOnce } from "../../../src/operations/once.ts";

test("an answer is remembered for an hour", async () => {
  let nowMs = 0;
  let changes = 0;
  const once = createOnce(() => nowMs);
  const ask = () => once.do("alice rotate", "id", {}, () => Promise.resolve(++changes));
  expect([await ask(), await ask()]).toEqual([1, 1]);
  nowMs = 3_599_999;
  expect(await ask()).toBe(1);
  nowMs = 3_600_000;
  expect(await ask()).toBe(2);
});

test("1,024 answers are remembered", async () => {
  let changes = 0;
  const once = createOnce(() => 0);
  const ask = (id: number) => once.do("alice rotate", String(id), {}, () => Promise.resolve(++changes));
  for (let id = 0; id < 1_024; id++) await ask(id);
  expect(changes).toBe(1_024);
  await ask(1_024);
  await ask(5);
  expect(changes).toBe(1_025);
  await ask(0);
  expect(changes).toBe(1_026);
});
