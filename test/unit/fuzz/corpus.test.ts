// Every kept input, every seed and some fresh inputs, through every decoder.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { corpusOf } from "../../fuzz/corpus.ts";
import { decoders } from "../../fuzz/decoders/index.ts";
import { decodeOne, fuzz } from "../../fuzz/run.ts";

test("every folder of the corpus belongs to a decoder", () => {
  const folders = readdirSync(join(import.meta.dirname, "../../fuzz/corpus"));
  expect(folders.sort()).toEqual(decoders.map(({ name }) => name).sort());
});

describe.each(decoders)("$name", (decoder) => {
  test("bears what was kept", async () => {
    const kept = corpusOf(decoder.name);
    expect(kept.length).toBeGreaterThan(0);
    for (const { file, input } of kept) {
      await expect(decodeOne(decoder, input), file).resolves.toEqual(expect.any(String));
    }
  });

  test("reads its seeds, and bears what is made of them", async () => {
    const report = await fuzz(decoder, { seed: 1, runs: 30 });
    expect(report.fault).toBeUndefined();
    expect(report.outcomes).toBeGreaterThan(1);
  });
});
