// What must be wiped is wiped: every secret that these functions made and do not hand over.

import { createSecretKey } from "node:crypto";
import { beforeEach, expect, test, vi } from "vitest";
import { contextHash, decode, deriveKeys, open, openFor, seal, split } from "../../../src/envelope/index.ts";
import { randomBytes } from "../../../src/secret/index.ts";
import type * as Secret from "../../../src/secret/index.ts";
import { sampleBranch } from "./sample.ts";

/** Buffers that were wiped, and what stood in them until then. */
const wiped: { buffer: Uint8Array; before: Buffer }[] = [];

vi.mock(import("../../../src/secret/index.ts"), async (original) => {
  const secret: typeof Secret = await original();
  const wipe = (...buffers: (Uint8Array | undefined)[]) => {
    for (const buffer of buffers) if (buffer) wiped.push({ buffer, before: Buffer.from(buffer) });
    secret.wipe(...buffers);
  };
  return { ...secret, wipe };
});

beforeEach(() => wiped.splice(0));

/** Whether a secret stood in a buffer that is all zeros now. */
function isGone(secret: Uint8Array): boolean {
  return wiped.some(({ buffer, before }) => before.includes(Buffer.from(secret)) && buffer.every((byte) => byte === 0));
}

const hash = contextHash({ a: "x" });
const dataKey = randomBytes(32);

test("key material of a derivation", () => {
  const { sealKey } = deriveKeys(randomBytes(32), Buffer.from("h0"));
  expect(isGone(sealKey.export())).toBe(true);
});

test("the data key when the context is another", () => {
  const branch = sampleBranch();
  const envelope = decode(seal(branch, dataKey, hash));
  expect(() => openFor(envelope, branch.sealKey, contextHash({ a: "y" }))).toThrow();
  expect(isGone(dataKey)).toBe(true);
});

test("the data key when the tag is wrong", () => {
  const branch = sampleBranch();
  const bytes = seal(branch, dataKey, hash);
  bytes[bytes.length - 1]! ^= 1;
  expect(() => open(decode(bytes), branch.sealKey)).toThrow();
  expect(isGone(dataKey)).toBe(true);
});

test("the data key when sealing fails midway", () => {
  const tooShort = { ...sampleBranch(), sealKey: createSecretKey(randomBytes(16)) };
  expect(() => seal(tooShort, dataKey, hash)).toThrow();
  expect(isGone(dataKey)).toBe(true);
});

test("the coefficients of a sharing", () => {
  const secret = randomBytes(32);
  const [first] = split(secret, 2, 2) as [Buffer, Buffer];
  const coefficients = first.map((byte, i) => byte ^ secret[i]!);
  expect(isGone(coefficients)).toBe(true);
});

test("nothing that was handed over", () => {
  const branch = sampleBranch();
  const opened = openFor(decode(seal(branch, dataKey, hash)), branch.sealKey, hash);
  expect(opened.equals(dataKey)).toBe(true);
  expect(isGone(dataKey)).toBe(false);
});
