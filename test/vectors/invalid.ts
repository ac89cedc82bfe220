// The invalid golden vectors: one fault each, all else so right that a reader which misses the fault opens it.

import { env, foreign, pairs, plainContext, recipe } from "./recipes.ts";
import type { JsonContext } from "./recipes.ts";
import { write } from "./writer.ts";
import type { Recipe } from "./writer.ts";

/** Which check refuses it, at the latest: those named before it pass. */
export type Stage = "text" | "envelope" | "context" | "opening";

/** An invalid vector before it is written. */
export interface InvalidVector {
  readonly name: string;
  readonly fault: string;
  readonly stage: Stage;
  /** Bytes, or with stage `text` a text form. */
  readonly envelope: Buffer | string;
  readonly context: JsonContext;
  readonly masterKeys: readonly string[];
}

interface Change extends Partial<Recipe> {
  /** What the reader is told. */
  readonly told?: JsonContext;
  readonly has?: readonly string[];
  /** Done to the envelope's bytes when it is written. */
  readonly spoil?: (envelope: Buffer) => Buffer;
}

function invalid(
  stage: Stage,
  name: string,
  fault: string,
  change: Change | ((vector: string) => Change),
): InvalidVector {
  const all = typeof change === "function" ? change(name) : change;
  const { told = plainContext, has = ["one"], spoil = (envelope: Buffer) => envelope, ...rest } = all;
  const { envelope } = write(recipe(name, rest));
  return { name, fault, stage, envelope: spoil(envelope), context: told, masterKeys: has };
}

/** Where the rows of the plain envelope begin. */
const at = {
  magic: 0,
  format: 3,
  suite: 4,
  threshold: 5,
  recipients: 6,
  branchId: 7,
  realmLength: 23,
  realm: 24,
  keyLength: 28,
  key: 29,
  kind: 39,
  scheme: 40,
  idLength: 41,
  id: 43,
  versionLength: 59,
  version: 60,
  blobLength: 64,
  blob: 66,
  commitment: 178,
  nonce: 210,
  sealedLength: 222,
  sealed: 226,
} as const;
const plainBytes = 306;

const set =
  (offset: number, ...values: number[]) =>
  (envelope: Buffer) => {
    Buffer.from(values).copy(envelope, offset);
    return envelope;
  };
const flip =
  (offset: number, mask = 1) =>
  (envelope: Buffer) => {
    envelope[offset]! ^= mask;
    return envelope;
  };

const envelopes: InvalidVector[] = [
  invalid("envelope", "empty", "no bytes at all", { spoil: () => Buffer.alloc(0) }),
  invalid("envelope", "magic", "the magic is KBF", { magic: Buffer.from("KBF") }),
  invalid("envelope", "magic-lower-case", "the magic is kbe", { magic: Buffer.from("kbe") }),
  invalid("envelope", "format-0", "format 0", { format: 0 }),
  invalid("envelope", "format-2", "format 2", { format: 2 }),
  invalid("envelope", "suite-0", "suite 0", { suite: 0 }),
  invalid("envelope", "suite-2", "suite 2", { suite: 2 }),
  // The branch key is what combining no shares gives.
  invalid("envelope", "threshold-0", "k = 0", { threshold: 0, branchKey: Buffer.alloc(32) }),
  invalid("envelope", "threshold-above-recipients", "k = 2, n = 1", (v) => ({
    threshold: 2,
    recipients: [env(v, "one")],
  })),
  invalid("envelope", "recipients-0", "n = 0", { recipients: [] }),
  invalid("envelope", "recipients-9", "n = 9", (v) => ({
    recipients: Array.from({ length: 9 }, () => env(v, "one")),
  })),
  invalid("envelope", "recipients-fewer-than-said", "n = 2 with one recipient", { count: 2 }),
  invalid("envelope", "recipients-more-than-said", "n = 1 with two recipients", (v) => ({
    count: 1,
    recipients: [env(v, "one"), env(v, "two")],
  })),
];

const badName = (row: "realm" | "key", name: string, fault: string, value: string) =>
  invalid("envelope", `${row}-${name}`, fault, { [row]: Buffer.from(value, "latin1") });

const names: InvalidVector[] = [
  badName("realm", "empty", "an empty realm", ""),
  badName("realm", "long", "a realm of 64 bytes", "a".repeat(64)),
  badName("realm", "upper-case", "an upper-case letter in the realm", "Prod"),
  badName("realm", "hyphen-first", "a realm that begins with a hyphen", "-prod"),
  badName("realm", "dot", "a dot in the realm", "prod.eu"),
  badName("realm", "line-end", "a line end after the realm", "prod\n"),
  badName("realm", "not-ascii", "a byte above 127 in the realm", "pr\xf6d"),
  badName("key", "empty", "an empty key name", ""),
  badName("key", "long", "a key name of 129 bytes", "k".repeat(129)),
  badName("key", "upper-case", "an upper-case letter in the key name", "backups/DB"),
  badName("key", "space", "a space in the key name", "backups db"),
  badName("key", "slash-first", "a key name that begins with a slash", "/backups"),
  badName("key", "slash-last", "a key name that ends with a slash", "backups/"),
  badName("key", "slash-twice", "an empty segment in the key name", "backups//db"),
  badName("key", "dot-segment", "a segment . in the key name", "backups/./db"),
  badName("key", "dots-segment", "a segment .. in the key name", "backups/../db"),
  badName("key", "dots-first", "a first segment ..", "../db"),
  badName("key", "dots-last", "a last segment ..", "backups/.."),
  badName("key", "dot-alone", "a key name of one dot", "."),
  badName("key", "line-end", "a line end after the key name", "backups/db\n"),
  badName("key", "nul", "a NUL in the key name", "backups\0db"),
  badName("key", "not-ascii", "a byte above 127 in the key name", "backups/d\xdf"),
];

const notUtf8: readonly (readonly [string, string, number[]])[] = [
  ["overlong", "an overlong form", [0xc0, 0xaf]],
  ["surrogate", "a surrogate written as three bytes", [0xed, 0xa0, 0x80]],
  ["above-10ffff", "a code point above 10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ["cut", "a character cut short", [0x6b, 0xe2, 0x82]],
];

const recipients: InvalidVector[] = [
  invalid("envelope", "master-key-id-empty", "an empty master-key id", (v) => ({
    recipients: [foreign(v, { masterKeyId: "" }), env(v, "one")],
  })),
  ...notUtf8.map(([name, fault, value]) =>
    invalid("envelope", `master-key-id-utf8-${name}`, `in a master-key id ${fault}`, (v) => ({
      recipients: [foreign(v, { masterKeyId: Buffer.from(value) }), env(v, "one")],
    })),
  ),
  invalid("envelope", "version-not-utf8", "in a version a byte that UTF-8 does not have", (v) => ({
    recipients: [foreign(v, { version: Buffer.of(0xff) }), env(v, "one")],
  })),
  invalid("envelope", "blob-empty", "an empty wrapped blob", (v) => ({
    recipients: [foreign(v, { wrapped: Buffer.alloc(0) }), env(v, "one")],
  })),
  invalid("envelope", "blob-long", "a wrapped blob of 2,049 bytes", (v) => ({
    recipients: [foreign(v, { wrapped: Buffer.alloc(2_049) }), env(v, "one")],
  })),
  invalid("envelope", "master-key-id-past-the-end", "a master-key id said to be 65,535 bytes of which few follow", {
    spoil: set(at.idLength, 0xff, 0xff),
  }),
];

const lengths: InvalidVector[] = [
  ...Object.entries(at)
    .filter(([, offset]) => offset > 0)
    .map(([row, offset]) =>
      invalid("envelope", `cut-before-${row}`, `cut off before the row "${row}"`, {
        spoil: (envelope) => envelope.subarray(0, offset),
      }),
    ),
  invalid("envelope", "cut-last-byte", "the last byte is missing", { spoil: (e) => e.subarray(0, plainBytes - 1) }),
  invalid("envelope", "extended", "a byte too many at the end", { spoil: (e) => Buffer.concat([e, Buffer.alloc(1)]) }),
  invalid("envelope", "extended-line-end", "a line end after the envelope", {
    spoil: (e) => Buffer.concat([e, Buffer.from("\n")]),
  }),
  invalid("envelope", "twice", "two envelopes in a row", { spoil: (e) => Buffer.concat([e, e]) }),
  invalid("envelope", "preceded", "a byte before the envelope", { spoil: (e) => Buffer.concat([Buffer.alloc(1), e]) }),
  invalid("envelope", "sealed-length-less", "row 17 says a byte less", { spoil: set(at.sealed - 1, 79) }),
  invalid("envelope", "sealed-length-more", "row 17 says a byte more", { spoil: set(at.sealed - 1, 81) }),
  invalid("envelope", "sealed-length-huge", "row 17 says 4,294,967,295", {
    spoil: set(at.sealedLength, 0xff, 0xff, 0xff, 0xff),
  }),
  invalid("envelope", "data-key-empty", "an empty data key, sealed", { dataKey: Buffer.alloc(0) }),
  invalid("envelope", "data-key-long", "a data key of 65,537 bytes", { dataKey: Buffer.alloc(65_537) }),
];

const changed: InvalidVector[] = [
  ["branch-id", "the branch id", at.branchId],
  ["realm", "the realm, to another name", at.realm],
  ["key", "the key name, to another name", at.key],
  ["kind", "the provider kind", at.kind],
  ["scheme", "the scheme", at.scheme],
  ["master-key-id", "the master-key id", at.id],
  ["version", "the version", at.version],
  ["blob-salt", "the wrapped blob's salt", at.blob],
  ["blob-ciphertext", "the wrapped blob's ciphertext", at.blob + 32],
  ["blob-tag", "the wrapped blob's tag", at.commitment - 1],
  ["commitment", "the commitment", at.commitment],
  ["nonce", "the nonce", at.nonce],
  ["context-hash", "the sealed context hash", at.sealed],
  ["data-key", "the sealed data key", at.sealed + 32],
  ["tag", "the tag", plainBytes - 1],
].map(([row, words, offset]) =>
  invalid("opening", `bit-in-${row}`, `a bit is flipped in ${words}`, { spoil: flip(offset as number) }),
);

/** Two recipients in the order two, one, though all else was made for one, two. */
function swapped(vector: string): Buffer {
  const rows = [env(vector, "one"), env(vector, "two")];
  const whole = write(recipe(vector, { recipients: rows })).envelope;
  const rowBytes = at.commitment - at.kind - 4;
  const [first, second, end] = [at.kind, at.kind + rowBytes, at.kind + 2 * rowBytes];
  return Buffer.concat([
    whole.subarray(0, first),
    whole.subarray(second, end),
    whole.subarray(first, second),
    whole.subarray(end),
  ]);
}

const structure: InvalidVector[] = [
  invalid("opening", "recipients-swapped", "two recipients in each other's place", (v) => ({
    spoil: () => swapped(v),
  })),
  invalid("opening", "recipient-dropped", "the second of two recipients was taken away", (v) => ({
    recipients: [env(v, "one"), env(v, "two")],
    spoil: (e) => Buffer.concat([set(at.recipients, 1)(e).subarray(0, 174), e.subarray(174 + 135)]),
  })),
  invalid("opening", "threshold-lowered", "k was lowered from 2 to 1", (v) => ({
    threshold: 2,
    recipients: [env(v, "one"), env(v, "two")],
    has: ["one", "two"],
    spoil: set(at.threshold, 1),
  })),
  invalid("opening", "threshold-raised", "k was raised from 1 to 2", (v) => ({
    recipients: [env(v, "one"), env(v, "two")],
    has: ["one", "two"],
    spoil: set(at.threshold, 2),
  })),
  invalid("opening", "seal-of-another", "the nonce and seal of an envelope of another branch key", (v) => ({
    spoil: (e) => Buffer.concat([e.subarray(0, at.nonce), write(recipe(`${v} other`)).envelope.subarray(at.nonce)]),
  })),
  invalid("opening", "commitment-of-another", "another commitment, sealed as if it were right", {
    commitment: Buffer.alloc(32, 7),
  }),
  invalid("opening", "tag-short", "a tag of 12 bytes, row 17 to match", {
    spoil: (e) => set(at.sealedLength, 0, 0, 0, 76)(e).subarray(0, plainBytes - 4),
  }),
  invalid("opening", "scheme-2", "env scheme 2, which is none, over a blob of scheme 1", (v) => ({
    recipients: [env(v, "one", { scheme: 2 })],
  })),
  invalid("opening", "bound-to-another-key", "a share whose associated data and hash name another key", (v) => ({
    recipients: [env(v, "one", { boundTo: "keybroker/1;suite=1;realm=prod;key=other;branch=00;share=1/1/1" })],
  })),
  invalid(
    "opening",
    "hash-of-another-key",
    "a share whose associated data is right, but whose hash is another's",
    (v) => ({
      recipients: [env(v, "one", { hashOf: "keybroker/1;suite=1;realm=prod;key=other;branch=00;share=1/1/1" })],
    }),
  ),
  invalid("opening", "material-long", "a byte after share and hash in the wrapped plaintext", (v) => ({
    recipients: [env(v, "one", { trail: Buffer.alloc(1) })],
  })),
  invalid("opening", "another-master-key", "the reader has another master key", { has: ["two"] }),
  invalid("opening", "no-master-key", "the reader has no master key", { has: [] }),
  invalid("opening", "too-few-master-keys", "k = 2, and the reader has one master key of two", (v) => ({
    threshold: 2,
    recipients: [env(v, "one"), env(v, "two")],
  })),
  invalid("opening", "one-share-twice", "k = 2, and both recipients hold the first share", (v) => ({
    threshold: 2,
    recipients: [env(v, "one"), env(v, "two", { shareOf: 1 })],
    has: ["one", "two"],
  })),
];

const otherContext = (name: string, fault: string, sealed: JsonContext, told: JsonContext) =>
  invalid("opening", `context-${name}`, fault, { context: pairs(sealed), told });

const otherContexts: InvalidVector[] = [
  otherContext("another-value", "another value", { host: "db-1" }, { host: "db-2" }),
  otherContext("another-name", "another name", { host: "db-1" }, { node: "db-1" }),
  otherContext("pair-missing", "a pair is missing", plainContext, { host: "db-1" }),
  otherContext("pair-more", "a pair more", { host: "db-1" }, plainContext),
  otherContext("none-told", "no context, and there was one", plainContext, {}),
  otherContext("none-sealed", "a context, and there was none", {}, plainContext),
  otherContext("empty-value", "an empty value instead of no pair", {}, { a: "" }),
  otherContext("border", "the border between name and value moved", { a: "bc" }, { ab: "c" }),
  otherContext("border-of-pairs", "the border between pairs moved", { a: "1", b: "2" }, { a: "1b2" }),
  otherContext("values-swapped", "two values in each other's place", { a: "1", b: "2" }, { a: "2", b: "1" }),
  otherContext("upper-case", "a value in upper case", { a: "db" }, { a: "DB" }),
  otherContext("line-end", "a line end after a value", { a: "db" }, { a: "db\n" }),
  otherContext("normalised", "a value with a combining accent, told composed", { a: "e\u0301" }, { a: "\u00e9" }),
  otherContext("bom", "U+FEFF before a value, told without", { a: "\uFEFFdb" }, { a: "db" }),
  otherContext(
    "surrogates-swapped",
    "another character outside the Basic Multilingual Plane",
    { a: "\u{1F511}" },
    { a: "\u{1F512}" },
  ),
];

const badContext = (name: string, fault: string, told: JsonContext, sealed = pairs(told)) =>
  invalid("context", `context-${name}`, fault, { context: sealed, told });

const proto = JSON.parse('{"__proto__":"x"}') as JsonContext;
const proto2 = JSON.parse('{"__proto__":"x","host":"db-1"}') as JsonContext;
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, "x"]));
const long = Object.fromEntries(["a", "b", "c"].map((name) => [name, "v".repeat(1_024)]));

const badContexts: InvalidVector[] = [
  badContext("name-empty", "an empty name", { "": "x" }),
  badContext("name-long", "a name of 65 bytes", { ["n".repeat(65)]: "x" }),
  badContext("name-upper-case", "an upper-case letter in a name", { Host: "x" }),
  badContext("name-dot-first", "a name that begins with a dot", { ".a": "x" }),
  badContext("name-underscore-first", "a name that begins with an underscore", { _a: "x" }),
  badContext("name-space", "a space in a name", { "a b": "x" }),
  badContext("name-equals", "an equals sign in a name", { "a=b": "x" }),
  badContext("name-line-end", "a line end after a name", { "host\n": "x" }),
  badContext("name-not-ascii", "a letter in a name that is not ASCII", { höst: "x" }),
  badContext("name-digit-not-ascii", "a digit in a name that is not ASCII", { "a\u0663": "x" }),
  badContext("names-utf16-order", "names that are not ASCII and whose UTF-16 order is not that of their bytes", {
    "a\uFF5E": "1",
    "a\u{10000}": "2",
  }),
  badContext("name-lone-surrogate", "a lone surrogate in a name, U+FFFD in the envelope", { "a\uD800": "x" }),
  badContext("proto", "the name __proto__, sealed as a pair", proto),
  badContext("proto-lost", "the name __proto__, which the sealed context does not have", proto, []),
  badContext(
    "proto-lost-of-two",
    "the name __proto__ beside a good one, sealed without it",
    proto2,
    pairs({ host: "db-1" }),
  ),
  badContext("pairs-33", "33 pairs", many(33)),
  badContext("value-long", "a value of 1,025 bytes", { a: "v".repeat(1_025) }),
  badContext("value-long-in-bytes", "a value of 1,024 characters that take 1,025 bytes", {
    a: "v".repeat(1_023) + "\u00e9",
  }),
  badContext("bytes-4097", "names and values of 4,097 bytes together", { ...long, d: "v".repeat(1_021) }),
  badContext("lone-high-surrogate", "a lone high surrogate in a value, U+FFFD in the envelope", { a: "x\uD83Dy" }),
  badContext("lone-low-surrogate", "a lone low surrogate in a value, U+FFFD in the envelope", { a: "\uDC00" }),
  badContext("surrogates-reversed", "a surrogate pair in the wrong order, U+FFFD twice in the envelope", {
    a: "\uDD11\uD83D",
  }),
  badContext(
    "lone-surrogate-as-bytes",
    "a lone surrogate in a value, its three bytes in the envelope",
    { a: "\uD800" },
    [[Buffer.from("a"), Buffer.of(0xed, 0xa0, 0x80)]],
  ),
];

/** An envelope's text, spoilt. With a data key of 33 bytes the last character has four bits that belong to no byte. */
function badText(name: string, fault: string, spoil: (body: string) => string, dataKeyBytes = 33): InvalidVector {
  const { envelope } = write(recipe(name, { dataKey: Buffer.alloc(dataKeyBytes, 0xfb) }));
  const body = envelope.toString("base64url");
  return {
    name: `text-${name}`,
    fault,
    stage: "text",
    envelope: spoil(body),
    context: plainContext,
    masterKeys: ["one"],
  };
}

const texts: InvalidVector[] = [
  badText("prefix-missing", "no prefix", (body) => body),
  badText("prefix-upper-case", "the prefix in upper case", (body) => `KB1.${body}`),
  badText("prefix-of-another-format", "the prefix of another format", (body) => `kb2.${body}`),
  badText("prefix-alone", "nothing after the prefix", () => "kb1."),
  badText("padding", "padding", (body) => `kb1.${body}==`),
  badText(
    "standard-alphabet",
    "the alphabet of plain base64",
    (body) => `kb1.${body.replaceAll("-", "+").replaceAll("_", "/")}`,
  ),
  badText(
    "unused-bits",
    "a bit set that belongs to no byte",
    (body) => `kb1.${body.slice(0, -1)}${next(body.at(-1)!)}`,
  ),
  badText("one-character-more", "a last character that makes no byte", (body) => `kb1.${body}A`, 32),
  badText("line-end", "a line end after the text", (body) => `kb1.${body}\n`),
  badText("line-end-within", "a line end within the text", (body) => `kb1.${body.slice(0, 76)}\n${body.slice(76)}`),
  badText("space-before", "a space before the text", (body) => ` kb1.${body}`),
  badText("nul-after", "a NUL after the text", (body) => `kb1.${body}\0`),
  badText("foreign-character", "a character that base64url does not have", (body) => `kb1.${body}!`),
  badText("not-ascii", "a letter that is not ASCII", (body) => `kb1.${body}\u00e9`),
];

/** The next character of the alphabet: the same byte for a lax reader, since only unused bits differ. */
function next(character: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet[alphabet.indexOf(character) + 1]!;
}

/** All of them. */
export const invalidVectors: readonly InvalidVector[] = [
  ...envelopes,
  ...names,
  ...recipients,
  ...lengths,
  ...changed,
  ...structure,
  ...otherContexts,
  ...badContexts,
  ...texts,
];
