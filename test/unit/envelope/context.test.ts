// The context's rules and its hash: no two contexts share a byte form, and what is refused is named without its value.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { contextHash } from "../../../src/envelope/index.ts";
import type { Context } from "../../../src/envelope/index.ts";
import { contextPreimage } from "../../../src/envelope/context.ts";
import { BrokerError } from "../../../src/errors/index.ts";

const names = fc.stringMatching(/^[a-z0-9][a-z0-9._/-]{0,63}$/);
const values = fc.string({ unit: "binary", maxLength: 60 });
const contexts: fc.Arbitrary<Context> = fc.dictionary(names, values, { maxKeys: 32, noNullPrototype: false });

/** Reads a byte form back: what shows that it is the only one of its context. */
function parse(preimage: Buffer): [string, string][] {
  let at = "keybroker context v1".length;
  const short = () => preimage.readUInt16BE((at += 2) - 2);
  const text = () => {
    const length = short();
    return preimage.toString("utf8", at, (at += length));
  };
  const count = short();
  const pairs = Array.from({ length: count }, (): [string, string] => [text(), text()]);
  expect(at).toBe(preimage.length);
  return pairs;
}

const byName = ([one]: [string, string], [other]: [string, string]) =>
  Buffer.compare(Buffer.from(one), Buffer.from(other));

function refusal(context: unknown): string {
  try {
    contextHash(context as Context);
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    expect((error as BrokerError).reason).toBe("REQUEST_INVALID");
    return (error as BrokerError).message;
  }
  throw new Error("the context was taken");
}

describe("the hash", () => {
  property.prop([contexts])("the byte form gives the context back, sorted: no two contexts have one", (context) => {
    expect(parse(contextPreimage(context))).toEqual(Object.entries(context).sort(byName));
  });

  property.prop([contexts, contexts])("two contexts have one hash only if they are equal", (one, other) => {
    const equal =
      JSON.stringify(Object.entries(one).sort(byName)) === JSON.stringify(Object.entries(other).sort(byName));
    expect(contextHash(one).equals(contextHash(other))).toBe(equal);
  });

  property.prop([contexts])("the order in which pairs were given does not count", (context) => {
    const turned = Object.fromEntries(Object.entries(context).reverse());
    expect(contextHash(turned).equals(contextHash(context))).toBe(true);
  });

  test("known answers", () => {
    // printf 'keybroker context v1\0\0' | sha256sum, and so on.
    expect(contextHash({}).toString("hex")).toBe("9c3072e5fd55dd6e6034383fcb05635c75895c58c21e4909b29233f2ccaee3b3");
    expect(contextHash({ b: "", a: "1" }).toString("hex")).toBe(
      "8297769df19403fdfc6b46ed6e71b2ad9a0f8498721a43a1a206b68f680d2f8d",
    );
  });

  test("a long context leaves nothing behind for the next", () => {
    const before = contextHash({ a: "x" });
    contextHash({ a: "v".repeat(1_024), b: "v".repeat(1_024) });
    expect(() => contextHash({ a: "v".repeat(1_025) })).toThrow();
    expect(contextHash({ a: "x" }).equals(before)).toBe(true);
  });

  test("each answer is a buffer that later calls leave alone", () => {
    const one = contextHash({ a: "x" });
    const hex = one.toString("hex");
    contextHash({ a: "y" });
    expect(one.toString("hex")).toBe(hex);
    expect(one).toHaveLength(32);
  });
});

describe("whose pairs count", () => {
  test("an object without a prototype is the same context", () => {
    const bare = Object.assign(Object.create(null) as object, { a: "x" });
    expect(contextHash(bare as Context).equals(contextHash({ a: "x" }))).toBe(true);
  });

  test("inherited pairs are none", () => {
    const heir = Object.create({ a: "x" }) as Context;
    expect(contextHash(heir).equals(contextHash({}))).toBe(true);
  });

  test("__proto__ as a pair of its own is refused, not lost", () => {
    expect(refusal(JSON.parse('{"__proto__":"x"}'))).toMatch(/"__proto__"/);
  });

  test("names of Object.prototype are names like others", () => {
    expect(contextHash({ constructor: "x" }).equals(contextHash({}))).toBe(false);
  });
});

describe("the limits", () => {
  const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, "x"]));
  const full = (rest: number) => ({
    a: "v".repeat(1_024),
    b: "v".repeat(1_024),
    c: "v".repeat(1_024),
    d: "v".repeat(rest),
  });

  test("32 pairs, not 33", () => {
    expect(contextHash(pairs(32))).toHaveLength(32);
    expect(refusal(pairs(33))).toMatch(/more than 32 pairs/);
    expect(refusal(pairs(100_000))).toMatch(/more than 32 pairs/);
  });

  test.each(["v", "\u00e9", "\u20ac", "\u{1F511}"])("1,024 bytes of %s a value, not more", (character) => {
    const most = Math.floor(1_024 / Buffer.byteLength(character));
    const value = character.repeat(most);
    expect(contextHash({ a: value.padEnd(value.length + (1_024 % Buffer.byteLength(character)), "x") })).toHaveLength(
      32,
    );
    expect(refusal({ a: character.repeat(most + 1) })).toMatch(/value of "a" is longer than 1024 bytes/);
    expect(refusal({ a: character.repeat(1_000_000) })).toMatch(/longer than 1024 bytes/);
  });

  test("4,096 bytes of names and values, not more", () => {
    expect(contextHash(full(1_020))).toHaveLength(32);
    expect(refusal(full(1_021))).toMatch(/more than 4096 bytes/);
  });

  test("4,096 bytes also when 32 pairs come to it, with their lengths beside", () => {
    const long = (last: number) =>
      Object.fromEntries(
        Array.from({ length: 32 }, (_, i) => [`n${String(i).padStart(2, "0")}`, "v".repeat(i < 31 ? 125 : last)]),
      );
    expect(contextHash(long(125))).toHaveLength(32);
    expect(refusal(long(126))).toMatch(/more than 4096 bytes/);
  });

  test("the longest values in every place are refused, whatever they overrun", () => {
    const longest = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`${i}`, "\uffff".repeat(341)]));
    expect(refusal(longest)).toMatch(/more than 4096 bytes/);
  });

  test("a name of 64 bytes, not 65", () => {
    expect(contextHash({ ["n".repeat(64)]: "" })).toHaveLength(32);
    expect(refusal({ ["n".repeat(65)]: "" })).toMatch(/name/);
  });
});

describe("refusals", () => {
  const bad = [
    "",
    "A",
    ".a",
    "-a",
    "_a",
    "/a",
    "a b",
    "a=b",
    "a\n",
    "a\0",
    "\u00e4",
    "a\u0663",
    "a\ud800",
    "a\u{10000}",
  ];
  test.each(bad.map((name) => [JSON.stringify(name), name]))("the name %s", (_, name) => {
    expect(refusal({ [name]: "CANARY" })).toMatch(/the name "/);
  });

  test.each([
    ["a high surrogate alone", "x\ud83d"],
    ["a low one", "\udd11"],
    ["both, reversed", "\udd11\ud83d"],
  ])("a value with %s", (_, value) => {
    expect(refusal({ a: value })).toMatch(/value of "a" is not well-formed/);
  });

  test.each([[1], [null], [undefined], [{}], [Buffer.from("x")]])("a value that is no text: %s", (value) => {
    expect(refusal({ a: value })).toMatch(/value of "a" is not text/);
  });

  test("the message shows the pair's name, escaped and cut, and never its value", () => {
    const messages = [
      refusal({ a: `CANARY${"v".repeat(1_024)}` }),
      refusal({ a: "CANARY\ud800" }),
      refusal({ [`\u001b[31m${"N".repeat(5_000)}`]: "CANARY" }),
    ];
    for (const message of messages) {
      expect(message).not.toMatch(/CANARY/);
      expect(message).toMatch(/^[ -~]+$/);
      expect(message.length).toBeLessThan(250);
    }
  });
});
