import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { nearest } from "../../../src/config/nearest.ts";

describe("the nearest name", () => {
  it.each([
    ["bakcup", ["backup", "restore"], "backup"],
    ["Backup", ["backup"], "backup"],
    ["realmm", ["realm", "realms"], "realm"],
    ["maxage", ["maxAge", "grace"], "maxAge"],
    ["a", ["b"], "b"],
    ["wrap", ["unwrap"], "unwrap"],
    ["nonsense", ["policy", "keys"], undefined],
    ["ab", ["xy"], undefined],
    ["", ["long-name"], undefined],
    ["x".repeat(1_000), ["x".repeat(1_000)], undefined],
  ])("to %s among %s", (written, known, expected) => {
    expect(nearest(written, known)).toBe(expected);
  });

  test.prop([fc.string({ minLength: 4, maxLength: 40 }), fc.nat(), fc.string({ minLength: 1, maxLength: 1 })])(
    "survives any one wrong character",
    (name, at, wrong) => {
      const place = at % name.length;
      const far = "#".repeat(name.length + 10);
      expect(nearest(name.slice(0, place) + wrong + name.slice(place + 1), [far, name])).toBe(name);
      expect(nearest(name.slice(0, place) + name.slice(place + 1), [far, name])).toBe(name);
      expect(nearest(name.slice(0, place) + wrong + name.slice(place), [far, name])).toBe(name);
    },
  );
});
