// Sealing and opening: round trips, fresh nonces, buffers of their own, and no bit that can be changed.

import { generateKeySync } from "node:crypto";
import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import {
  commitmentEquals,
  contextHash,
  decode,
  deriveKeys,
  encodeBranchHeader,
  open,
  openFor,
  seal,
} from "../../../src/envelope/index.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { copy, randomBytes } from "../../../src/secret/index.ts";
import { openWith } from "../../vectors/open.ts";
import { sampleBranch, sampleContext, sampleEnvelope, sampleHeader, sampleMasterKeys } from "./sample.ts";

const refused = expect.objectContaining({ reason: "ENVELOPE_REFUSED" }) as Error;
const broken = expect.objectContaining({ reason: "INTERNAL" }) as Error;
const hash = contextHash(sampleContext);

describe("seal and open", () => {
  const dataKeys = fc.uint8Array({ minLength: 1, maxLength: 500 });
  property.prop([dataKeys])("open gives back the data key and the context hash", (dataKey) => {
    const branch = sampleBranch();
    const envelope = decode(seal(branch, dataKey, hash));
    const opened = open(envelope, branch.sealKey);
    expect(opened.dataKey.equals(dataKey)).toBe(true);
    expect(opened.contextHash.equals(hash)).toBe(true);
    expect(openFor(envelope, branch.sealKey, hash).equals(dataKey)).toBe(true);
  });

  test("the longest data key", () => {
    const branch = sampleBranch();
    const dataKey = randomBytes(65_536);
    expect(openFor(decode(seal(branch, dataKey, hash)), branch.sealKey, hash).equals(dataKey)).toBe(true);
  });

  test("the same data key is sealed differently each time, under a nonce never used before", () => {
    const branch = sampleBranch();
    const dataKey = randomBytes(32);
    const sealed = Array.from({ length: 500 }, () => decode(seal(branch, dataKey, hash)));
    expect(new Set(sealed.map(({ nonce }) => Buffer.from(nonce).toString("hex"))).size).toBe(500);
    expect(new Set(sealed.map((envelope) => Buffer.from(envelope.sealed).toString("hex"))).size).toBe(500);
  });

  test("the data key does not show in the envelope, and the caller's own is left alone", () => {
    const dataKey = randomBytes(32);
    const before = copy(dataKey);
    const envelope = seal(sampleBranch(), dataKey, hash);
    expect(envelope.includes(dataKey)).toBe(false);
    expect(envelope.includes(hash)).toBe(false);
    expect(dataKey.equals(before)).toBe(true);
  });

  test("every buffer has memory of its own, outside Node's pool", () => {
    const branch = sampleBranch();
    const sealed = seal(branch, randomBytes(16), hash);
    expect(sealed.buffer.byteLength).toBe(sealed.length);
    const envelope = decode(sealed);
    const { dataKey } = open(envelope, branch.sealKey);
    expect(dataKey.buffer.byteLength).toBe(32 + 16);
    expect(openFor(envelope, branch.sealKey, hash).buffer.byteLength).toBe(32 + 16);
  });

  test("opening leaves the envelope as it was", () => {
    const branch = sampleBranch();
    const sealed = seal(branch, randomBytes(16), hash);
    const before = copy(sealed);
    openFor(decode(sealed), branch.sealKey, hash);
    expect(sealed.equals(before)).toBe(true);
  });

  test.each([0, 65_537])("a data key of %i bytes is not sealed", (length) => {
    expect(() => seal(sampleBranch(), Buffer.alloc(length), hash)).toThrow(broken);
  });

  test("a context hash of another length is not sealed", () => {
    expect(() => seal(sampleBranch(), randomBytes(16), hash.subarray(1))).toThrow(broken);
  });
});

test("a commitment of another length is not written", () => {
  const branch = { ...sampleBranch(), commitment: randomBytes(31) };
  expect(() => seal(branch, randomBytes(16), hash)).toThrow(broken);
});

describe("refusals", () => {
  test("another branch key", () => {
    const envelope = decode(seal(sampleBranch(), randomBytes(16), hash));
    const another = generateKeySync("aes", { length: 256 });
    expect(() => open(envelope, another)).toThrow(refused);
    expect(() => openFor(envelope, another, hash)).toThrow(refused);
  });

  test("another context", () => {
    const branch = sampleBranch();
    const envelope = decode(seal(branch, randomBytes(16), hash));
    expect(() => openFor(envelope, branch.sealKey, contextHash({ host: "db-2" }))).toThrow(refused);
    expect(() => openFor(envelope, branch.sealKey, hash.subarray(0, 16))).toThrow(refused);
    expect(() => openFor(envelope, branch.sealKey, Buffer.alloc(0))).toThrow(refused);
  });

  test("every single-bit flip of a whole envelope", () => {
    const input = sampleEnvelope();
    expect(openWith(sampleMasterKeys, input, sampleContext)).toHaveLength(32);
    for (let bit = 0; bit < 8 * input.length; bit++) {
      const flipped = Buffer.from(input);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openWith(sampleMasterKeys, flipped, sampleContext), `bit ${bit}`).toThrow(refused);
    }
  });

  test("every single-bit flip of a context, in names and values", () => {
    const input = sampleEnvelope();
    const text = Object.entries(sampleContext).flat();
    text.forEach((word, at) => {
      for (let bit = 0; bit < 8 * word.length; bit++) {
        const bytes = Buffer.from(word);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        const words = text.with(at, bytes.toString("latin1"));
        const context = Object.fromEntries([words.slice(0, 2), words.slice(2)]) as Record<string, string>;
        expect(() => openWith(sampleMasterKeys, input, context), words.join(" ")).toThrow(BrokerError);
      }
    });
  });
});

describe("keys", () => {
  test("equal inputs give equal keys; another branch key or any other header gives others", () => {
    const branchKey = randomBytes(32);
    const h0 = encodeBranchHeader(sampleHeader());
    const one = deriveKeys(branchKey, h0);
    expect(deriveKeys(branchKey, h0).sealKey.equals(one.sealKey)).toBe(true);
    expect(deriveKeys(branchKey, h0).commitment.equals(one.commitment)).toBe(true);
    for (const other of [deriveKeys(randomBytes(32), h0), deriveKeys(branchKey, encodeBranchHeader(sampleHeader()))]) {
      expect(other.sealKey.equals(one.sealKey)).toBe(false);
      expect(other.commitment.equals(one.commitment)).toBe(false);
    }
  });

  test("the commitment is not the key, and has memory of its own", () => {
    const { sealKey, commitment } = sampleBranch();
    expect(sealKey.export().equals(commitment)).toBe(false);
    expect(commitment.buffer.byteLength).toBe(32);
  });

  test("the branch key is left to its owner", () => {
    const branchKey = randomBytes(32);
    const before = copy(branchKey);
    deriveKeys(branchKey, Buffer.from("h0"));
    expect(branchKey.equals(before)).toBe(true);
  });

  test.each([0, 31, 33, 64])("a branch key of %i bytes is none", (length) => {
    expect(() => deriveKeys(Buffer.alloc(length), Buffer.from("h0"))).toThrow(broken);
  });

  test("commitments are equal only bit for bit", () => {
    const commitment = randomBytes(32);
    expect(commitmentEquals(commitment, copy(commitment))).toBe(true);
    expect(commitmentEquals(commitment, commitment.subarray(1))).toBe(false);
    for (let bit = 0; bit < 256; bit++) {
      const other = copy(commitment);
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(commitmentEquals(commitment, other)).toBe(false);
    }
  });
});
