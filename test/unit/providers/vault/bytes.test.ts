// Secrets as bytes: base64 and JSON without strings, and the one spelling of a ciphertext.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../../../providers/vault/base64.ts";
import { blobOf, readCiphertext } from "../../../../providers/vault/ciphertext.ts";
import { composeJson, isPlainText, takeText } from "../../../../providers/vault/json-bytes.ts";

const bytes = fc.uint8Array({ maxLength: 200 });
const plainText = fc.string({ unit: fc.constantFrom(..."AZaz09+/=._-!#") });

describe("base64", () => {
  property.prop([bytes])("is what Buffer makes, and comes back", (given) => {
    const text = encodeBase64(given);
    expect(text.toString()).toBe(Buffer.from(given).toString("base64"));
    expect(decodeBase64(text)?.equals(given)).toBe(true);
  });

  property.prop([fc.string({ maxLength: 12 })])("has one text for one value", (text) => {
    const decoded = decodeBase64(Buffer.from(text));
    if (decoded) expect(encodeBase64(decoded).toString()).toBe(text);
  });

  test.each(["A", "AA", "AAA", "AB==", "AAB=", "A===", "====", "AA=A", "AAAA\n", "AA A", "-_AA", "AA==AAAA"])(
    "refuses %j",
    (text) => expect(decodeBase64(Buffer.from(text))).toBeUndefined(),
  );

  test("answers memory of its own", () => {
    for (const made of [encodeBase64(Buffer.alloc(64)), decodeBase64(Buffer.from("AAAA"))!])
      expect(made.buffer.byteLength).toBe(made.length);
  });
});

describe("JSON as bytes", () => {
  property.prop([fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer())), plainText])(
    "composes what JSON.parse reads",
    (fields, secret) => {
      const body = composeJson({ ...fields, "a secret": Buffer.from(secret), nothing: undefined });
      expect(JSON.parse(body.toString())).toEqual({ ...fields, "a secret": secret });
    },
  );

  test.each(['a"b', "a\\b", "a b", "a\nb", "é"])("sends no secret that JSON would have to escape: %j", (text) => {
    expect(() => composeJson({ secret: Buffer.from(text) })).toThrow(TypeError);
  });

  property.prop([fc.json(), plainText, fc.constantFrom(undefined, 1, "\t", "  ")])(
    "takes a secret out, and leaves none of it",
    (other, secret, indent) => {
      const more = { before: JSON.parse(other) as unknown, text: '"secret":"wrong"', data: { secret: `!${secret}!` } };
      const document = Buffer.from(JSON.stringify(more, undefined, indent));
      // Another field of that name may come first: it is then the one that is taken.
      fc.pre(!/"secret"/.test(other));
      expect(takeText(document, "secret")?.toString()).toBe(`!${secret}!`);
      expect(document.includes(`!${secret}!`)).toBe(false);
      expect(() => JSON.parse(document.toString()) as unknown).not.toThrow();
    },
  );

  test.each(['{"secret":"cut', '{"secret":7}', '{"secret":"a\\u0041"}', '{"other":"a"}', '{"x":"secret"}', ""])(
    "takes nothing of %j",
    (document) => expect(takeText(Buffer.from(document), "secret")).toBeUndefined(),
  );

  test("plain text is printable and needs no escape", () => {
    expect(isPlainText(Buffer.from("s.AZaz09-_+/="))).toBe(true);
    for (const text of [" ", '"', "\\", "\u007f", "\u0000"]) expect(isPlainText(Buffer.from(text))).toBe(false);
  });
});

describe("ciphertext", () => {
  property.prop([fc.integer({ min: 1, max: 9_999_999_999 }), fc.uint8Array({ minLength: 1, maxLength: 1_500 })])(
    "comes back from its blob",
    (version, sealed) => {
      const text = `vault:v${version}:${Buffer.from(sealed).toString("base64")}`;
      const read = readCiphertext(text);
      expect(read).toEqual({ text, version });
      expect(readCiphertext(blobOf(read!))).toEqual(read);
    },
  );

  // The server takes v0 for v1, and base64 with other unused bits or with line breaks.
  test.each([
    "vault:v0:AAAA",
    "vault:v01:AAAA",
    "vault:v1:AAB=",
    "vault:v1:AA\nAA",
    "Vault:v1:AAAA",
    "vault:v1:",
    "vault:v1:AAAA ",
  ])("is refused in another spelling: %j", (text) => {
    expect(readCiphertext(text)).toBeUndefined();
    expect(readCiphertext(Buffer.from(text))).toBeUndefined();
  });

  test("is refused over an envelope's limit, and when it is no text", () => {
    expect(readCiphertext(`vault:v1:${"A".repeat(2_048)}`)).toBeUndefined();
    expect(readCiphertext(Buffer.alloc(100_000, "A"))).toBeUndefined();
    for (const nothing of [undefined, null, 7, {}]) expect(readCiphertext(nothing)).toBeUndefined();
  });
});
