// The decoder and the writer of branch headers: inverse to each other, strict, and modest in memory.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { decode, encodeBranchHeader, limits, seal } from "../../../src/envelope/index.ts";
import type { BranchHeader, Envelope, EnvelopeRecipient } from "../../../src/envelope/index.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { deriveKeys } from "../../../src/envelope/index.ts";
import { randomBytes } from "../../../src/secret/index.ts";
import { sampleBranch, sampleEnvelope, sampleHeader } from "./sample.ts";

const lower = "abcdefghijklmnopqrstuvwxyz0123456789";
const characters = (alphabet: string) => fc.constantFrom(...alphabet);
const realms = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);
const segments = fc
  .string({ unit: characters(`${lower}._-`), minLength: 1, maxLength: 20 })
  .filter((segment) => segment !== "." && segment !== "..");
const keyNames = fc.array(segments, { minLength: 1, maxLength: 5 }).map((list) => list.join("/"));
const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const text = (minLength: number, maxBytes: number) =>
  fc
    .string({ unit: "binary", minLength, maxLength: maxBytes, size: "max" })
    .filter((value) => Buffer.byteLength(value) <= maxBytes);

const recipients: fc.Arbitrary<EnvelopeRecipient> = fc.record({
  kind: fc.nat(255),
  scheme: fc.nat(255),
  masterKeyId: text(1, 300),
  version: text(0, 255),
  wrapped: bytes(1, 300),
});

const headers: fc.Arbitrary<BranchHeader> = fc.array(recipients, { minLength: 1, maxLength: 8 }).chain((list) =>
  fc.record({
    suite: fc.constant(1),
    threshold: fc.integer({ min: 1, max: list.length }),
    branchId: bytes(16),
    realm: realms,
    key: keyNames,
    recipients: fc.constant(list),
  }),
);

/** A decoded header without the views that `encodeBranchHeader` does not take, bytes as plain arrays. */
function plain(header: BranchHeader) {
  const { suite, threshold, branchId, realm, key } = header;
  const rows = header.recipients.map((recipient) => ({ ...recipient, wrapped: [...recipient.wrapped] }));
  return { suite, threshold, branchId: [...branchId], realm, key, recipients: rows };
}

/** Decodes, or says undefined for the one refusal; anything else thrown fails the test. */
function tryDecode(input: Uint8Array): Envelope | undefined {
  try {
    return decode(input);
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    expect((error as BrokerError).reason).toBe("ENVELOPE_REFUSED");
    return undefined;
  }
}

describe("encode and decode", () => {
  property.prop([headers, bytes(1, 100)])("decode reads what encode and seal wrote", (header, dataKey) => {
    const h0 = encodeBranchHeader(header);
    const branch = { h0, ...deriveKeys(randomBytes(32), h0) };
    const envelope = decode(seal(branch, dataKey, randomBytes(32)));
    expect(plain(envelope)).toEqual(plain(header));
    expect(envelope.dataKeyLength).toBe(dataKey.length);
    expect(Buffer.from(envelope.h0).equals(h0)).toBe(true);
    expect(Buffer.from(envelope.commitment).equals(branch.commitment)).toBe(true);
  });

  property.prop([headers])("encode writes what decode read", (header) => {
    const envelope = seal(sampleBranch(header), randomBytes(1), randomBytes(32));
    const { h0 } = decode(envelope);
    expect(encodeBranchHeader(decode(envelope)).equals(h0)).toBe(true);
  });

  test("the views cover the rows they are named after", () => {
    const input = sampleEnvelope();
    const envelope = decode(input);
    const { h0, branchHeader, commitment, nonce, associatedData, sealed } = envelope;
    expect(Buffer.concat([h0, commitment])).toEqual(Buffer.from(branchHeader));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(sealed.length);
    expect(Buffer.concat([branchHeader, nonce, length])).toEqual(Buffer.from(associatedData));
    expect(Buffer.concat([associatedData, sealed])).toEqual(input);
  });

  test("an envelope in the middle of a larger buffer is read alone", () => {
    const input = sampleEnvelope();
    const around = Buffer.concat([Buffer.alloc(7, 1), input, Buffer.alloc(5, 2)]);
    const view = new Uint8Array(around.buffer, around.byteOffset + 7, input.length);
    expect(plain(decode(view))).toEqual(plain(decode(input)));
  });
});

describe("the decoder's refusals", () => {
  property.prop([bytes(0, 400)])("any bytes are decoded or refused with the one error", (input) => {
    tryDecode(input);
  });

  property.prop([bytes(0, 400)])("so are any bytes behind a good beginning", (tail) => {
    tryDecode(Buffer.concat([sampleEnvelope().subarray(0, 5), tail]));
  });

  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  property.prop([edits])("so are envelopes with a few bytes changed", (changes) => {
    const input = sampleEnvelope();
    for (const [at, value] of changes) input[at % input.length] = value;
    tryDecode(input);
  });

  property.prop([fc.nat(), fc.nat(), bytes(0, 40)])("and envelopes with a range replaced", (from, to, middle) => {
    const input = sampleEnvelope();
    const [start, end] = [from % input.length, to % input.length];
    tryDecode(Buffer.concat([input.subarray(0, start), middle, input.subarray(end)]));
  });

  test("no beginning of an envelope is one, nor an envelope with anything after it", () => {
    const input = sampleEnvelope();
    for (let length = 0; length < input.length; length++) {
      expect(tryDecode(input.subarray(0, length)), `${length} bytes`).toBeUndefined();
    }
    expect(tryDecode(Buffer.concat([input, Buffer.alloc(1)]))).toBeUndefined();
    expect(tryDecode(input)).toBeDefined();
  });

  test("the message quotes nothing of the input", () => {
    const input = Buffer.from("KBE\x01\x01\x01\x01CANARYCANARYCANARYCANARYCANARY", "latin1");
    const refusal = (() => {
      try {
        return decode(input);
      } catch (error) {
        return error as BrokerError;
      }
    })() as BrokerError;
    expect(refusal.message + String(refusal.cause)).not.toMatch(/CANARY/);
  });
});

describe("the decoder's memory", () => {
  /** All byte fields. */
  const views = (envelope: Envelope) => [
    envelope.branchId,
    envelope.h0,
    envelope.branchHeader,
    envelope.commitment,
    envelope.associatedData,
    envelope.nonce,
    envelope.sealed,
    ...envelope.recipients.map(({ wrapped }) => wrapped),
  ];

  property.prop([headers])("byte fields are views of the input, text is no longer than its bytes", (header) => {
    const input = seal(sampleBranch(header), randomBytes(40), randomBytes(32));
    const envelope = decode(input);
    for (const view of views(envelope)) expect(view.buffer).toBe(input.buffer);
    const texts = [envelope.realm, envelope.key, ...envelope.recipients.flatMap((r) => [r.masterKeyId, r.version])];
    expect(texts.join("").length).toBeLessThan(input.length);
  });

  test("lengths that promise megabytes allocate no bytes, whether refused or read", () => {
    const good = sampleEnvelope();
    const hostile = [41, 64, 222].map((at) => Buffer.from(good).fill(0xff, at, at + 2));
    for (let i = 0; i < 100; i++) hostile.forEach(tryDecode);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 500; i++) [good, ...hostile].forEach(tryDecode);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(limits.maxMasterKeyIdBytes);
  });
});

describe("what may not be written", () => {
  const recipient = sampleHeader().recipients[0]!;
  const withRecipient = (change: Partial<EnvelopeRecipient>) => ({ recipients: [{ ...recipient, ...change }] });
  const faults: [string, Partial<BranchHeader>][] = [
    ["suite 2", { suite: 2 }],
    ["threshold 0", { threshold: 0 }],
    ["threshold above the recipients", { threshold: 2 }],
    ["a threshold that is no whole number", { threshold: 0.5 }],
    ["no recipients", { recipients: [] }],
    ["nine recipients", { recipients: Array.from({ length: 9 }, () => recipient) }],
    ["a branch id of 15 bytes", { branchId: Buffer.alloc(15) }],
    ["a branch id of 17 bytes", { branchId: Buffer.alloc(17) }],
    ["an empty realm", { realm: "" }],
    ["a realm of 64 bytes", { realm: "r".repeat(64) }],
    ["a realm with a semicolon", { realm: "prod;key" }],
    ["a key name with ..", { key: "a/../b" }],
    ["a key name of 129 bytes", { key: "k".repeat(129) }],
    ["kind 256", withRecipient({ kind: 256 })],
    ["kind -1", withRecipient({ kind: -1 })],
    ["scheme 256", withRecipient({ scheme: 256 })],
    ["an empty master-key id", withRecipient({ masterKeyId: "" })],
    ["a master-key id of 65,536 bytes", withRecipient({ masterKeyId: "\u00e9".repeat(32_768) })],
    ["a master-key id with a lone surrogate", withRecipient({ masterKeyId: "\ud800" })],
    ["a version of 256 bytes", withRecipient({ version: "\u00e9".repeat(128) })],
    ["a version with a lone surrogate", withRecipient({ version: "\udc00" })],
    ["an empty blob", withRecipient({ wrapped: Buffer.alloc(0) })],
    ["a blob of 2,049 bytes", withRecipient({ wrapped: Buffer.alloc(2_049) })],
  ];

  test.each(faults)("%s", (_, change) => {
    expect(() => encodeBranchHeader(sampleHeader(change))).toThrow(expect.objectContaining({ reason: "INTERNAL" }));
  });

  test("each limit's last good value is written", () => {
    const most = withRecipient({ kind: 255, masterKeyId: "m".repeat(65_535), version: "v".repeat(255) });
    const row = { ...most.recipients[0]!, wrapped: Buffer.alloc(2_048) };
    const header = sampleHeader({
      threshold: 8,
      realm: "r".repeat(63),
      key: "k".repeat(128),
      recipients: Array.from({ length: 8 }, () => row),
    });
    const envelope = seal(sampleBranch(header), randomBytes(limits.maxDataKeyBytes), randomBytes(32));
    expect(plain(decode(envelope))).toEqual(plain(header));
  });
});
