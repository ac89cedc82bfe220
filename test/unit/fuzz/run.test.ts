// The fuzzing itself: a fault is found, made small and kept.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { corpusOf } from "../../fuzz/corpus.ts";
import { textOf, type Decoder } from "../../fuzz/decoder.ts";
import { minimise } from "../../fuzz/minimise.ts";
import { fuzz } from "../../fuzz/run.ts";

let corpus: string;
beforeEach(() => void (corpus = mkdtempSync(join(tmpdir(), "corpus-"))));
afterEach(() => rmSync(corpus, { recursive: true }));

/** Breaks where a length is believed. */
const broken: Decoder = {
  name: "broken",
  seeds: [Buffer.from([3, 1, 2, 3])],
  check(input) {
    const length = input[0] ?? 0;
    if (length > 100) throw new RangeError("a length was believed");
    return length > input.length ? "refused" : "read";
  },
};

test("a fault is found, minimised to the byte that shows it, and kept", async () => {
  const { fault, inputs } = await fuzz(broken, { seed: 1, runs: 10_000, corpus });
  expect(inputs).toBeGreaterThan(0);
  expect(fault).toMatchObject({ message: expect.stringMatching(/a length was believed/) as string });
  expect(fault!.input).toHaveLength(1);
  expect(readFileSync(fault!.file)).toEqual(Buffer.from(fault!.input));
  expect(corpusOf("broken", corpus)).toHaveLength(1);
  // From then on every run meets it first.
  await expect(fuzz(broken, { seed: 2, runs: 1, corpus })).rejects.toThrow("a length was believed");
});

test("inputs with a new outcome are kept, one of each", async () => {
  const sound: Decoder = { ...broken, check: (input) => `begins with ${(input[0] ?? 0) % 4}` };
  const { outcomes, kept, fault } = await fuzz(sound, { seed: 1, runs: 2_000, corpus, keepWays: true });
  expect(fault).toBeUndefined();
  expect([outcomes, kept]).toEqual([4, 3]);
  const again = await fuzz(sound, { seed: 2, runs: 500, corpus, keepWays: true });
  expect(again.kept).toBe(0);
});

test("what is slow is a fault", async () => {
  const slow: Decoder = { ...broken, check: () => new Promise((resolve) => setTimeout(() => resolve("read"), 60)) };
  await expect(fuzz(slow, { seed: 1, runs: 1, corpus, slowMs: 20 })).rejects.toThrow("4 bytes took more than 20 ms");
});

test("minimising keeps what matters and no more", async () => {
  const fails = (input: Uint8Array) => Promise.resolve(textOf(input).includes("{[") && input.length >= 4);
  const least = await minimise(Buffer.from("some text {[ and more of it"), fails);
  expect(textOf(least)).toMatch(/^[a]*\{\[a*$/);
  expect(least).toHaveLength(4);
});
