import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { newer, parseStops, stopsText } from "../../../src/store/index.ts";
import type { StopList } from "../../../src/store/index.ts";

const stop = fc.record({ reason: fc.string(), by: fc.string(), atMs: fc.nat() });
const list: fc.Arbitrary<StopList> = fc
  .record({
    epoch: fc.nat({ max: 3 }),
    all: fc.option(stop, { nil: undefined }),
    keys: fc.array(fc.tuple(fc.constantFrom("a", "b", "__proto__"), stop)),
  })
  .map(({ epoch, all, keys }) => ({ epoch, all, keys: new Map(keys) }));

describe("a stop list", () => {
  test.prop([list])("is read back as it was written", (one) => {
    expect(parseStops(stopsText(one))).toEqual(one);
  });

  test.prop([list, list])("and another: the newer counts, and equal epochs lose no stop", (one, other) => {
    const result = newer(one, other);
    if (one.epoch > other.epoch) expect(result).toBe(one);
    if (one.epoch < other.epoch) expect(result).toBe(other);
    if (one.epoch !== other.epoch) return;
    expect([...result.keys.keys()].sort()).toEqual([...new Set([...one.keys.keys(), ...other.keys.keys()])].sort());
    expect(result.all === undefined).toBe(one.all === undefined && other.all === undefined);
    expect(result.epoch).toBe(stopsText(one) === stopsText(other) ? one.epoch : one.epoch + 1);
  });

  test.prop([fc.oneof(fc.string(), fc.json())])("is not made of any other text", (text) => {
    const parsed = parseStops(text);
    if (parsed !== undefined) expect(parseStops(stopsText(parsed))).toEqual(parsed);
  });

  test.each([
    "",
    "null",
    "{}",
    '{"epoch":-1,"keys":[]}',
    '{"epoch":1,"keys":[{"key":"a"}]}',
    '{"epoch":1,"all":1,"keys":[]}',
  ])("is not %j", (text) => expect(parseStops(text)).toBeUndefined());
});
