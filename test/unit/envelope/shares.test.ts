// Sharing of branch keys: any k shares give the secret back, fewer say nothing, and the field is AES's.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { combine, split } from "../../../src/envelope/index.ts";
import { splitBy } from "../../../src/envelope/shares.ts";
import { copy, randomBytes } from "../../../src/secret/index.ts";

const positioned = (shares: readonly Buffer[]) => shares.map((share, i) => ({ position: i + 1, share }));
const broken = expect.objectContaining({ reason: "INTERNAL" }) as Error;

/** k, n and some k or more of the positions 1 … n, in any order. */
const quorums = fc
  .integer({ min: 1, max: 8 })
  .chain((count) => fc.tuple(fc.integer({ min: 1, max: count }), fc.constant(count)))
  .chain(([threshold, count]) => {
    const positions = Array.from({ length: count }, (_, i) => i);
    return fc.tuple(
      fc.constant(threshold),
      fc.constant(count),
      fc.shuffledSubarray(positions, { minLength: threshold }),
    );
  });

property.prop([fc.uint8Array({ minLength: 32, maxLength: 32 }), quorums])(
  "any k shares or more give the secret back, in any order",
  (secret, [threshold, count, chosen]) => {
    const shares = positioned(split(secret, threshold, count));
    expect(combine(chosen.map((i) => shares[i]!)).equals(secret)).toBe(true);
  },
);

test("k − 1 shares fit every secret: for each there is one more share that leads to it", () => {
  const [known] = split(Uint8Array.of(42), 2, 2) as [Buffer, Buffer];
  const led = new Set<number>();
  for (let value = 0; value < 256; value++) {
    const guess = { position: 2, share: Uint8Array.of(value) };
    led.add(combine([{ position: 1, share: known }, guess])[0]!);
  }
  expect(led.size).toBe(256);
});

test("fewer shares than k combine to something else", () => {
  const secret = randomBytes(32);
  const shares = positioned(split(secret, 3, 5));
  expect(combine(shares.slice(0, 2)).equals(secret)).toBe(false);
});

test("with k = 1 every share is the secret", () => {
  const secret = randomBytes(32);
  for (const share of split(secret, 1, 3)) expect(share.equals(secret)).toBe(true);
});

test("sharing again draws other coefficients", () => {
  const secret = randomBytes(32);
  expect(split(secret, 2, 2)[0]!.equals(split(secret, 2, 2)[0]!)).toBe(false);
});

test("products known from FIPS 197, section 4.2: 57·83 = c1, 57·13 = fe", () => {
  const shares = splitBy(Uint8Array.of(0), Uint8Array.of(0x57), 0x83);
  expect(shares[0x83 - 1]![0]).toBe(0xc1);
  expect(shares[0x13 - 1]![0]).toBe(0xfe);
});

test("a polynomial worked out by hand: 53 + 01·x + ca·x²", () => {
  const shares = splitBy(Uint8Array.of(0x53), Uint8Array.of(0x01, 0xca), 3);
  // At 1: 53+01+ca. At 2: ca·2 = 194+11b = 8f, ca·4 = 11e+11b = 05, so 53+02+05. At 3: ca·5 = 05+ca, so 53+03+cf.
  expect(shares.map((share) => share[0])).toEqual([0x98, 0x54, 0x9f]);
});

test("shares and secret have memory of their own; the inputs are left alone", () => {
  const secret = randomBytes(32);
  const before = copy(secret);
  const shares = split(secret, 2, 3);
  expect(shares.every((share) => share.buffer.byteLength === 32)).toBe(true);
  expect(combine(positioned(shares)).buffer.byteLength).toBe(32);
  expect(secret.equals(before)).toBe(true);
});

describe("what makes no sense is refused", () => {
  test.each([
    [0, 1],
    [2, 1],
    [1, 0],
    [1, 9],
    [9, 9],
    [Number.NaN, 3],
  ])("k = %d, n = %d", (threshold, count) => {
    expect(() => split(randomBytes(32), threshold, count)).toThrow(broken);
  });

  const share = Buffer.alloc(32);
  test.each([
    ["no shares", []],
    [
      "one position twice",
      [
        { position: 1, share },
        { position: 1, share },
      ],
    ],
    ["position 0, where the secret stands", [{ position: 0, share }]],
    ["position 9", [{ position: 9, share }]],
    ["a position between two", [{ position: 1.5, share }]],
    [
      "shares of two lengths",
      [
        { position: 1, share },
        { position: 2, share: Buffer.alloc(31) },
      ],
    ],
  ])("%s", (_, shares) => {
    expect(() => combine(shares)).toThrow(broken);
  });
});
