// What a master key wraps: the share comes out only under the binding it was put in with.

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { material, shareOf } from "../../../src/envelope/index.ts";
import { bindingOf } from "../../../src/provider/binding.ts";
import { copy, randomBytes } from "../../../src/secret/index.ts";

const facts = {
  suite: 1,
  realm: "prod",
  key: "backups/db",
  branchId: randomBytes(16),
  share: 1,
  threshold: 1,
  recipients: 2,
};
const binding = bindingOf(facts);
const refused = expect.objectContaining({ reason: "ENVELOPE_REFUSED" }) as Error;

test("share and SHA-256 of the binding, 64 bytes", () => {
  const share = randomBytes(32);
  const hash = createHash("sha256").update(binding.bytes).digest();
  expect(material(share, binding).equals(Buffer.concat([share, hash]))).toBe(true);
  expect(shareOf(material(share, binding), binding).equals(share)).toBe(true);
});

test("all buffers are of their own", () => {
  const share = randomBytes(32);
  const made = material(share, binding);
  const got = shareOf(made, binding);
  expect([made.buffer.byteLength, got.buffer.byteLength]).toEqual([64, 32]);
  const before = copy(share);
  made.fill(0);
  expect(got.equals(before) && share.equals(before)).toBe(true);
});

test.each([0, 16, 31, 33, 64])("a share of %i bytes is none", (length) => {
  expect(() => material(Buffer.alloc(length), binding)).toThrow(expect.objectContaining({ reason: "INTERNAL" }));
});

describe("a share is refused", () => {
  const others = [
    { realm: "test" },
    { key: "backups/d" },
    { branchId: randomBytes(16) },
    { share: 2 },
    { threshold: 2 },
    { recipients: 1 },
    { suite: 2 },
  ];
  test.each(others.map((change) => [Object.keys(change)[0]!, change] as const))("under another %s", (_, change) => {
    const made = material(randomBytes(32), binding);
    expect(() => shareOf(made, bindingOf({ ...facts, ...change }))).toThrow(refused);
  });

  test.each([0, 32, 63, 65, 128])("out of material of %i bytes", (length) => {
    const made = Buffer.alloc(length);
    material(randomBytes(32), binding).copy(made);
    expect(() => shareOf(made, binding)).toThrow(refused);
  });

  test("when any bit of the hash is flipped", () => {
    for (let bit = 32 * 8; bit < 64 * 8; bit++) {
      const made = material(randomBytes(32), binding);
      made[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => shareOf(made, binding), `bit ${bit}`).toThrow(refused);
    }
  });
});
