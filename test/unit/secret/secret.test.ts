// Buffers for secrets: memory of their own, random where asked, zero when wiped.

import { describe, expect, test } from "vitest";
import { allocate, copy, fillRandom, randomBytes, wipe } from "../../../src/secret/index.ts";

const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

describe("memory", () => {
  test.each([1, 12, 32, 64, 4_000, 100_000])("%i bytes are in no pool", (length) => {
    const source = new Uint8Array(length).fill(7);
    for (const bytes of [allocate(length), copy(source), randomBytes(length)]) {
      expect([bytes.length, bytes.buffer.byteLength, bytes.byteOffset]).toEqual([length, length, 0]);
    }
  });

  test("allocate gives zeros", () => {
    for (let i = 0; i < 50; i++) {
      const bytes = allocate(1_000);
      expect(isZero(bytes)).toBe(true);
      bytes.fill(1);
    }
  });

  test("a copy and its source live apart", () => {
    const source = Buffer.from("secret");
    const copied = copy(source);
    source.fill(0);
    expect(copied.toString()).toBe("secret");
  });

  test("a copy of a view is of the view alone", () => {
    expect([...copy(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))]).toEqual([2, 3]);
  });
});

describe("wipe", () => {
  test("zeroes every buffer it is given, and takes none for granted", () => {
    const buffers = [randomBytes(32), new Uint8Array(8).fill(1), undefined];
    wipe(...buffers);
    expect(buffers.every((bytes) => bytes === undefined || isZero(bytes))).toBe(true);
    expect(() => wipe()).not.toThrow();
  });

  test("a view wipes only its own range", () => {
    const whole = new Uint8Array(4).fill(9);
    wipe(whole.subarray(1, 3));
    expect([...whole]).toEqual([9, 0, 0, 9]);
  });
});

describe("random bytes", () => {
  test("fill the range that was asked for, and no more", () => {
    const target = allocate(96);
    fillRandom(target, 32, 32);
    expect(isZero(target.subarray(0, 32)) && isZero(target.subarray(64))).toBe(true);
    expect(isZero(target.subarray(32, 64))).toBe(false);
  });

  test("fill to the end when no length is said", () => {
    const target = allocate(64);
    fillRandom(target, 32);
    expect(isZero(target.subarray(0, 32))).toBe(true);
    expect(isZero(target.subarray(32))).toBe(false);
  });

  test("nothing to fill is no error", () => {
    expect(randomBytes(0)).toHaveLength(0);
  });

  test("large buffers are filled to the last byte", () => {
    const bytes = randomBytes(1_000_000);
    expect(isZero(bytes.subarray(-16))).toBe(false);
  });

  test("do not repeat, and every bit is as often one as zero", () => {
    const draws = Array.from({ length: 2_000 }, () => randomBytes(16));
    expect(new Set(draws.map((bytes) => bytes.toString("hex"))).size).toBe(2_000);
    for (let bit = 0; bit < 128; bit++) {
      const ones = draws.filter((bytes) => (bytes[bit >> 3]! >> (bit & 7)) & 1).length;
      // Eight standard deviations: once in 10^15 runs.
      expect(Math.abs(ones - 1_000)).toBeLessThan(8 * Math.sqrt(2_000) * 0.5);
    }
  });
});
