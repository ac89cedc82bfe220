// The grammars of realms and key names.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { isKeyName, isRealm } from "../../../src/envelope/index.ts";

/** The key grammar said in another way. */
function isKeyNameBySegments(name: string): boolean {
  const good = name.split("/").every((s) => s !== "" && s !== "." && s !== ".." && !/[^a-z0-9._-]/.test(s));
  return good && name.length <= 128;
}

describe("realms", () => {
  test.each(["a", "0", "prod", "eu-1", "a-", "r".repeat(63)])("%s is one", (name) => {
    expect(isRealm(name)).toBe(true);
  });

  test.each(["", "-a", "Prod", "a.b", "a b", "a_b", "a/b", "a;b", "prod\n", "pr\u00f6d", "r".repeat(64)])(
    "%j is none",
    (name) => {
      expect(isRealm(name)).toBe(false);
    },
  );
});

describe("key names", () => {
  test.each(["a", "-", "_", "backups/db", "a.b/c_d-e", "...", ".a", "a..b/..c", "a/.../b", "k".repeat(128)])(
    "%s is one",
    (name) => {
      expect(isKeyName(name)).toBe(true);
    },
  );

  const none = ["", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "./a", "a/."];
  const noneEither = ["A", "a b", "a;b", "a=b", "a\\b", "a%2f", "a\n", "a/..\n", "a\0", "\u00e9", "k".repeat(129)];
  test.each([...none, ...noneEither])("%j is none", (name) => {
    expect(isKeyName(name)).toBe(false);
  });

  property.prop([fc.string({ unit: fc.constantFrom(..."ab./-_A ;\n"), maxLength: 12 })])(
    "the pattern agrees with the rule said in words",
    (name) => {
      expect(isKeyName(name)).toBe(isKeyNameBySegments(name));
    },
  );

  test("hostile names are answered: nothing backtracks", () => {
    const hostile = ["a/".repeat(100_000), "./".repeat(100_000), "a".repeat(100_000) + "!", "a/".repeat(63) + "a!"];
    for (const name of hostile) expect(isKeyName(name)).toBe(false);
  });
});
