// Format 1 is frozen: what its vectors are is known by their hashes, and the generator only adds.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { addVectors, readFrozen, sha256, vectorsIn } from "../../vectors/freeze.ts";
import { realVectors } from "../../vectors/real.ts";
import { blobName, recorded } from "../../vectors/recorded.ts";
import { frozenList, goldenFiles, goldenFolder, readGolden } from "../../vectors/vectors.ts";
import type { ValidJson } from "../../vectors/vectors.ts";

/** The list as it was on 2026-11-21, when the format was frozen. Later vectors stand after these lines. */
const firstList = { lines: 228, sha256: "f8ce264cd68d04ca745c40f98b771191295bb3d032fcd85a7697b969c6e38b6d" };

test("the list still begins with the vectors that were frozen with the format", () => {
  const lines = readFileSync(frozenList, "utf8").split("\n").slice(0, firstList.lines);
  expect(sha256(`${lines.join("\n")}\n`)).toBe(firstList.sha256);
});

test("every vector is frozen, and is what it was then", () => {
  const found = vectorsIn(goldenFolder).map((path) => [path, sha256(readFileSync(goldenFolder + path))] as const);
  const byPath = (one: readonly [string, string], other: readonly [string, string]) => (one[0] < other[0] ? -1 : 1);
  expect(found.sort(byPath)).toEqual([...readFrozen({ list: frozenList })].sort(byPath));
});

test("every recorded blob is in its vector, and no vector lacks one", () => {
  const names = realVectors.flatMap(({ name, holders }) =>
    holders.flatMap((holder, i) => (holder === "env" ? [] : [blobName(name, i + 1)])),
  );
  expect(recorded.blobs.map(({ name }) => name).sort()).toEqual(names.sort());
  const envelopes = new Map(readGolden<ValidJson>("valid").map(([name, { envelope }]) => [name, envelope]));
  for (const { name, wrapped } of recorded.blobs) expect(envelopes.get(name.split(" ")[0]!)).toContain(wrapped);
});

describe("the generator", () => {
  const root = mkdtempSync(join(tmpdir(), "keybroker-frozen-"));
  afterAll(() => rmSync(root, { recursive: true }));
  let folder: string;
  let list: string;
  beforeEach(() => {
    folder = mkdtempSync(join(root, "copy-"));
    list = join(folder, "frozen.sha256");
    cpSync(goldenFolder, join(folder, "golden"), { recursive: true });
    cpSync(frozenList, list);
    folder = join(folder, "golden");
  });
  const made = goldenFiles();
  const state = () => sha256([list, ...vectorsIn(folder).map((path) => join(folder, path))].map(read).join("\0"));
  const read = (path: string) => readFileSync(path, "utf8");

  test("adds nothing where nothing is new", () => {
    const before = state();
    expect(addVectors({ folder, list }, made)).toEqual([]);
    expect(state()).toBe(before);
  });

  test("adds a new vector behind the others, and freezes it", () => {
    const before = read(list);
    expect(addVectors({ folder, list }, new Map([["valid/aaa.json", "{}\n"], ...made]))).toEqual(["valid/aaa.json"]);
    expect(read(join(folder, "valid/aaa.json"))).toBe("{}\n");
    expect(read(list)).toBe(`${before}${sha256("{}\n")}  valid/aaa.json\n`);
    expect(() => addVectors({ folder, list }, made)).toThrow(/valid\/aaa\.json is not made any more/);
  });

  const added = ["valid/aaa.json", "{}\n"] as const;

  test.each([
    ["would change", () => new Map([...made, added, ["valid/plain.json", "{}\n"]])],
    ["is not made any more", () => new Map([...made, added].filter(([path]) => path !== "valid/plain.json"))],
    [
      "was changed",
      () => {
        writeFileSync(join(folder, "valid/plain.json"), "{}\n");
        return new Map([...made, added]);
      },
    ],
    [
      "is missing",
      () => {
        rmSync(join(folder, "valid/plain.json"));
        return new Map([...made, added]);
      },
    ],
  ])("refuses, and writes nothing, when a vector %s", (fault, prepare) => {
    const wanted = prepare();
    const before = state();
    expect(() => addVectors({ folder, list }, wanted)).toThrow(`valid/plain.json ${fault}`);
    expect(state()).toBe(before);
  });

  test("refuses when a file lies there that is not frozen", () => {
    writeFileSync(join(folder, "valid/stray.json"), "{}\n");
    expect(() => addVectors({ folder, list }, made)).toThrow("valid/stray.json lies there and is not frozen");
  });
});
