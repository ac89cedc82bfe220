import { describe, expect, it } from "vitest";
import { fc, test } from "@fast-check/vitest";
import { conditionText, parseCondition, type Condition } from "../../../src/config/index.ts";
import { conditionHolds } from "../../../src/policy/index.ts";
import { conditionOf } from "./rules.ts";

describe("a condition's text", () => {
  it.each<[string, Condition]>([
    ["context.tenant == identity.tenant", { name: "tenant", is: { attribute: "tenant" } }],
    ["context.tenant==identity.tenant", { name: "tenant", is: { attribute: "tenant" } }],
    ['context.env  ==\t"prod"', { name: "env", is: { oneOf: ["prod"] } }],
    ['context.env in ["a", "b"]', { name: "env", is: { oneOf: ["a", "b"] } }],
    ['context.env in["a","b"]', { name: "env", is: { oneOf: ["a", "b"] } }],
    ['context.a.b/c-d_e == ""', { name: "a.b/c-d_e", is: { oneOf: [""] } }],
    ['context.in in ["in"]', { name: "in", is: { oneOf: ["in"] } }],
    [String.raw`context.a == "\"\\\u00e9"`, { name: "a", is: { oneOf: ['"\\é'] } }],
  ])("%s is read", (text, condition) => {
    expect(parseCondition(text)).toEqual({ condition });
  });

  it.each([
    ["", "context.NAME is wanted at its end"],
    ["tenant == identity.tenant", "context.NAME is wanted at character 1"],
    [" context.a == identity.a", "context.NAME is wanted at character 1"],
    ["context.a", "== or in [ is wanted at its end"],
    ["context.a = identity.a", "== or in [ is wanted at character 10"],
    ["context.a != identity.a", "== or in [ is wanted at character 10"],
    ["context.A == identity.a", "a context name of a-z"],
    [`context.${"a".repeat(65)} == identity.a`, "a context name of a-z"],
    ["context.a == identity.", "the name of an attribute of the identity is wanted at its end"],
    ["context.a == identity.b ", "the condition's end is wanted at character 24"],
    ["context.a == identity.b && context.c == identity.d", "the condition's end is wanted at character 24"],
    ["context.a == 'b'", 'a text in "double quotes" is wanted at character 14'],
    ["context.a == prod", 'a text in "double quotes" is wanted at character 14'],
    ['context.a == "b', 'a text in "double quotes" is wanted at character 14'],
    ['context.a == "b\n"', 'a text in "double quotes" is wanted at character 14'],
    ["context.a in []", 'a text in "double quotes" is wanted at character 15'],
    ['context.a in ["b",]', 'a text in "double quotes" is wanted at character 19'],
    ['context.a in ["b" "c"]', "a comma or ] is wanted at character 18"],
    ['context.a in ["b", "b"]', "the same text stands in the list twice"],
    [String.raw`context.a == "\ud800"`, "half of a surrogate pair"],
    [`context.a == "${"é".repeat(513)}"`, "a text has at most 1024 bytes"],
    [`context.a in [${Array.from({ length: 65 }, (_, i) => `"${i}"`).join()}]`, "a list has at most 64 texts"],
    [`context.a == "${"x".repeat(8_192)}"`, "a condition has at most 8192 characters"],
  ])("%s is refused", (text, words) => {
    expect(parseCondition(text).fault).toContain(words);
  });
});

const name = fc.stringMatching(/^[a-z0-9][a-z0-9._/-]{0,20}$/);
const value = fc.string({ unit: "grapheme", maxLength: 20 });
const anyCondition: fc.Arbitrary<Condition> = fc.record({
  name,
  is: fc.oneof(
    name.map((attribute) => ({ attribute })),
    fc.uniqueArray(value, { minLength: 1, maxLength: 5 }).map((oneOf) => ({ oneOf })),
  ),
});

describe("properties of conditions", () => {
  test.prop([anyCondition])("what is written is read again as the same", (condition) => {
    expect(parseCondition(conditionText(condition))).toEqual({ condition });
  });

  test.prop([fc.string({ unit: "binary", maxLength: 60 })])("no text makes the reader throw", (text) => {
    const { condition, fault } = parseCondition(text);
    expect((condition === undefined) !== (fault === undefined)).toBe(true);
  });

  const piece = fc.constantFrom("context.", "identity.", "a", "==", "=", " in ", "[", "]", ",", '"', '"x"', "\\", " ");
  test.prop([fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""))], { numRuns: 2_000 })(
    "what is read means what is written: its own text is read as the same",
    (text) => {
      const { condition, fault } = parseCondition(text);
      if (condition === undefined) expect(fault).not.toBe("");
      else expect(parseCondition(conditionText(condition)).condition).toEqual(condition);
    },
  );

  test.prop([anyCondition, fc.dictionary(name, value), fc.dictionary(name, value)])(
    "holds just where the pair is there and equal",
    (condition, context, attributes) => {
      const wanted =
        "oneOf" in condition.is
          ? condition.is.oneOf
          : condition.is.attribute === "name"
            ? ["me"]
            : Object.hasOwn(attributes, condition.is.attribute)
              ? [attributes[condition.is.attribute]!]
              : [];
      const given = { ...context, ...(wanted.length > 0 && { [condition.name]: wanted[0]! }) };
      const me = { name: "me", attributes };
      expect(conditionHolds(condition, me, given)).toBe(wanted.length > 0);
      const other = `${wanted.join("")}-`;
      expect(conditionHolds(condition, me, { ...given, [condition.name]: other })).toBe(wanted.includes(other));
    },
  );
});

describe("what is missing", () => {
  const tenant = conditionOf("context.tenant == identity.tenant");
  it("never equals what is missing", () => {
    expect(conditionHolds(tenant, { name: "a" }, {})).toBe(false);
    expect(conditionHolds(tenant, { name: "a", attributes: {} }, { tenant: "undefined" })).toBe(false);
    expect(conditionHolds(tenant, { name: "a", attributes: { tenant: "x" } }, undefined)).toBe(false);
  });

  it("is not found among what objects inherit", () => {
    const inherited = conditionOf("context.constructor == identity.constructor");
    expect(conditionHolds(inherited, { name: "a", attributes: {} }, {})).toBe(false);
  });

  it("does not let an attribute stand for the identity's name", () => {
    const own = conditionOf("context.host == identity.name");
    expect(conditionHolds(own, { name: "db1", attributes: { name: "db2" } }, { host: "db2" })).toBe(false);
    expect(conditionHolds(own, { name: "db1" }, { host: "db1" })).toBe(true);
  });
});
