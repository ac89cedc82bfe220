// The valid golden vectors: every field at its least and its most, several recipients, k of n, both forms, blobs of
// real providers.

import { realRecipients, realShare, realVectors } from "./real.ts";
import { bytes, env, foreign, masterKey, pairs, plainContext, recipe } from "./recipes.ts";
import type { JsonContext } from "./recipes.ts";
import type { Recipe } from "./writer.ts";

/** A valid vector before it is written. */
export interface ValidVector {
  readonly name: string;
  readonly about: string;
  readonly recipe: Recipe;
  readonly context: JsonContext;
  /** Those that the reader has: names of master keys. */
  readonly masterKeys: readonly string[];
  readonly form: "binary" | "text";
  /** Of every recipient in its order, where some have blobs that only their backends unwrap. */
  readonly shares?: readonly Buffer[];
}

type Change = Partial<Recipe> & {
  readonly json?: JsonContext;
  readonly has?: string[];
  readonly text?: boolean;
  readonly shares?: readonly Buffer[];
};

function valid(name: string, about: string, change: (vector: string) => Change = () => ({})): ValidVector {
  const { json = plainContext, has = ["one"], text = false, shares, ...rest } = change(name);
  const made = recipe(name, { context: pairs(json), ...rest });
  const form = text ? "text" : "binary";
  return { name, about, recipe: made, context: json, masterKeys: has, form, ...(shares && { shares }) };
}

const eight = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

const recipients: ValidVector[] = [
  valid("plain", "one env recipient, a data key of 32 bytes, two context pairs"),
  valid("plain-text", "the text form", () => ({ text: true })),
  valid("two-recipients-first", "two recipients, k = 1, the reader has the first master key", (v) => ({
    recipients: [env(v, "one"), env(v, "two")],
  })),
  valid("two-recipients-second", "two recipients, k = 1, the reader has the second master key", (v) => ({
    recipients: [env(v, "one"), env(v, "two")],
    has: ["two"],
  })),
  valid("one-master-key-twice", "two recipients with one master key: the format allows it", (v) => ({
    recipients: [env(v, "one"), env(v, "one", { salt: bytes(`${v} other salt`, 32) })],
  })),
  valid("foreign-then-env", "a recipient of another kind, then an env one", (v) => ({
    recipients: [foreign(v), env(v, "one")],
  })),
  valid("eight-recipients", "eight recipients, k = 1, the reader has the last master key", (v) => ({
    recipients: eight.map((name) => env(v, name)),
    has: ["eight"],
  })),
  valid("2-of-2", "k = 2, n = 2", (v) => ({
    threshold: 2,
    recipients: [env(v, "one"), env(v, "two")],
    has: ["one", "two"],
  })),
  ...[
    ["one", "two"],
    ["one", "three"],
    ["two", "three"],
    ["three", "one", "two"],
  ].map((has) =>
    valid(`2-of-3-by-${has.join("-")}`, `k = 2, n = 3, opened by ${has.join(", ")}`, (v) => ({
      threshold: 2,
      recipients: ["one", "two", "three"].map((name) => env(v, name)),
      has,
    })),
  ),
  valid("3-of-5-with-foreign", "k = 3, n = 5, of which the second and fourth are of other kinds", (v) => ({
    threshold: 3,
    recipients: [env(v, "one"), foreign(v), env(v, "two"), foreign(v, { kind: 5 }), env(v, "three")],
    has: ["one", "two", "three"],
  })),
  valid("8-of-8", "k = 8, n = 8: both at their most", (v) => ({
    threshold: 8,
    recipients: eight.map((name) => env(v, name)),
    has: eight,
  })),
];

const names: ValidVector[] = [
  valid("realm-least", "a realm of 1 byte", () => ({ realm: Buffer.from("0") })),
  valid("realm-most", "a realm of 63 bytes", () => ({ realm: Buffer.from("a" + "-".repeat(62)) })),
  valid("key-least", "a key name of 1 byte", () => ({ key: Buffer.from("-") })),
  valid("key-most", "a key name of 128 bytes", () => ({ key: Buffer.from("a/".repeat(63) + "zz") })),
  valid("key-dots", "a key name of segments that only look like . and ..", () => ({
    key: Buffer.from(".../..a/a../.a/_.-"),
  })),
];

const foreignFields: ValidVector[] = [
  valid("kind-scheme-least", "provider kind 0 and scheme 0, which no provider has", (v) => ({
    recipients: [foreign(v, { kind: 0, scheme: 0 }), env(v, "one")],
  })),
  valid("kind-scheme-most", "provider kind 255, scheme 255", (v) => ({
    recipients: [foreign(v, { kind: 255, scheme: 255 }), env(v, "one")],
  })),
  valid("master-key-id-least", "a master-key id of 1 byte", (v) => ({
    recipients: [foreign(v, { masterKeyId: "k" }), env(v, "one")],
  })),
  valid("master-key-id-most", "a master-key id of 65,535 bytes", (v) => ({
    recipients: [foreign(v, { masterKeyId: "k".repeat(65_535) }), env(v, "one")],
    text: true,
  })),
  valid("master-key-id-unicode", "a master-key id with characters of 2, 3 and 4 bytes, U+FEFF first", (v) => ({
    recipients: [foreign(v, { masterKeyId: "\uFEFFschlüssel/鍵/🔑" }), env(v, "one")],
  })),
  valid("version-least", "an empty version", (v) => ({ recipients: [env(v, "one", { version: "" })] })),
  valid("version-most", "a version of 255 bytes, on the recipient that opens", (v) => ({
    recipients: [env(v, "one", { version: "v".repeat(255) })],
  })),
  valid("blob-least", "a wrapped blob of 1 byte", (v) => ({
    recipients: [foreign(v, { wrapped: Buffer.of(0) }), env(v, "one")],
  })),
  valid("blob-most", "a wrapped blob of 2,048 bytes", (v) => ({
    recipients: [foreign(v, { wrapped: bytes(v, 2_048) }), env(v, "one")],
  })),
];

const byteFields: ValidVector[] = [
  ...[
    ["zeros", 0],
    ["ones", 255],
  ].map(([word, fill]) =>
    valid(`ids-all-${word}`, `branch id, branch key, salt and nonce all ${word}`, (v) => ({
      branchId: Buffer.alloc(16, fill),
      branchKey: Buffer.alloc(32, fill),
      nonce: Buffer.alloc(12, fill),
      recipients: [env(v, "one", { salt: Buffer.alloc(32, fill) })],
    })),
  ),
  valid("data-key-least", "a data key of 1 byte", () => ({ dataKey: Buffer.of(0) })),
  valid("data-key-16", "a data key of 16 bytes", (v) => ({ dataKey: bytes(v, 16) })),
  valid("data-key-most", "a data key of 65,536 bytes", (v) => ({ dataKey: bytes(v, 65_536), text: true })),
];

const longValues = Object.fromEntries(["a", "b", "c"].map((name) => [name, "v".repeat(1_024)]));

const contexts: ValidVector[] = [
  valid("context-empty", "no context", () => ({ json: {} })),
  valid("context-name-least", "a context name of 1 byte, an empty value", () => ({ json: { a: "" } })),
  valid("context-name-most", "a context name of 64 bytes", () => ({ json: { ["0" + "-".repeat(63)]: "x" } })),
  valid("context-name-characters", "context names with every kind of character", () => ({
    json: { "a..b//c__d--": "1", "0/": "2", "z.": "3" },
  })),
  valid("context-value-most", "a context value of 1,024 bytes", () => ({ json: { a: "v".repeat(1_024) } })),
  valid("context-value-most-unicode", "a context value of 256 characters of 4 bytes: 1,024 bytes", () => ({
    json: { a: "😀".repeat(256) },
  })),
  valid("context-pairs-most", "32 context pairs, not in order", () => ({
    json: Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`n${(i * 7) % 32}`, String(i)])),
  })),
  valid("context-bytes-most", "names and values of 4,096 bytes together", () => ({
    json: { ...longValues, d: "v".repeat(1_020) },
  })),
  valid("context-order", "names whose order is that of their bytes, whatever the locale", () => ({
    json: { b: "1", a_: "2", "a-": "3", a: "4", "a.": "5", "a/": "6", a0: "7", "10": "8", "9": "9" },
  })),
  valid(
    "context-surrogate-pairs",
    "values outside the Basic Multilingual Plane, in JSON as pairs of \\u escapes",
    () => ({
      json: { a: "\u{1F511}", b: "x\u{10000}y", c: "\u{10FFFF}" },
    }),
  ),
  valid("context-values-unsorted", "values whose UTF-16 and UTF-8 orders differ: values are never sorted", () => ({
    json: { a: "\uFF5E", b: "\u{10000}", c: "\uE000" },
  })),
  valid("context-not-normalised", "a value with a combining accent, kept as it is", () => ({ json: { a: "e\u0301" } })),
  valid("context-controls", "a value with NUL, line ends, U+FEFF and U+FFFD", () => ({
    json: { a: "\0\r\n\uFEFF\uFFFD" },
  })),
];

const real: ValidVector[] = realVectors.map((vector) =>
  valid(vector.name, vector.about, () => ({
    threshold: vector.threshold,
    recipients: realRecipients(vector),
    has: vector.holders.includes("env") ? ["one"] : [],
    shares: vector.holders.map((_, i) => realShare(vector, i + 1)),
  })),
);

/** All of them. */
export const validVectors: readonly ValidVector[] = [
  ...recipients,
  ...names,
  ...foreignFields,
  ...byteFields,
  ...contexts,
  ...real,
];

/** Its master keys. */
export const keysOf = (vector: { readonly masterKeys: readonly string[] }): Buffer[] =>
  vector.masterKeys.map(masterKey);
