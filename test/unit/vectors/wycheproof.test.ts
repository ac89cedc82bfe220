// Wycheproof's cases for the primitives in use, through the same calls and options as the product's.

import { createCipheriv, createDecipheriv, createHmac, createPublicKey, hkdfSync, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

type Fields = Readonly<Record<string, string | number>>;
type Case = Fields & { readonly tcId: number; readonly result: "valid" | "invalid" | "acceptable" };
type Group = Fields & { readonly tests: readonly Case[] };
interface Vectors {
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}

const folder = join(import.meta.dirname, "../../vectors/wycheproof");
const bytes = (hex: string | number | undefined): Buffer => Buffer.from(String(hex), "hex");

/** Runs a file's cases; answers how many there were, and those whose outcome is not the file's. */
function run(name: string, passes: (one: Case, group: Group) => boolean): { count: number; wrong: string[] } {
  const { numberOfTests, testGroups } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Vectors;
  const cases = testGroups.flatMap((group) => group.tests.map((one) => ({ one, group })));
  expect(cases).toHaveLength(numberOfTests);
  // An "acceptable" case is one that an implementation may take or refuse.
  const judged = cases.filter(({ one }) => one.result !== "acceptable");
  const wrong = judged.filter(({ one, group }) => passes(one, group) !== (one.result === "valid"));
  return { count: judged.length, wrong: wrong.map(({ one }) => `${one.tcId} ${one["comment"]}`) };
}

/** What throws has not passed. */
function attempt(work: () => boolean): boolean {
  try {
    return work();
  } catch {
    return false;
  }
}

/** AES-GCM as envelopes have it: 256 bits, 12 bytes of nonce, 16 of tag; other sizes are not the product's. */
function opens(one: Case): boolean {
  const decipher = createDecipheriv("aes-256-gcm", bytes(one["key"]), bytes(one["iv"]), { authTagLength: 16 });
  decipher.setAAD(bytes(one["aad"])).setAuthTag(bytes(one["tag"]));
  return Buffer.concat([decipher.update(bytes(one["ct"])), decipher.final()]).equals(bytes(one["msg"]));
}

function seals(one: Case): boolean {
  const cipher = createCipheriv("aes-256-gcm", bytes(one["key"]), bytes(one["iv"]), { authTagLength: 16 });
  cipher.setAAD(bytes(one["aad"]));
  const sealed = Buffer.concat([cipher.update(bytes(one["msg"])), cipher.final()]);
  return sealed.equals(bytes(one["ct"])) && cipher.getAuthTag().equals(bytes(one["tag"]));
}

test("AES-256-GCM", () => {
  const isOurs = (group: Group) => group["keySize"] === 256 && group["ivSize"] === 96 && group["tagSize"] === 128;
  let ours = 0;
  const { wrong } = run("aes-gcm", (one, group) => {
    if (!isOurs(group)) return one.result === "valid";
    ours += 1;
    return attempt(() => opens(one)) && (one.result !== "valid" || seals(one));
  });
  expect(wrong).toEqual([]);
  expect(ours).toBeGreaterThanOrEqual(60);
});

test.each(["sha256", "sha512"])("HKDF with %s", (digest) => {
  const { count, wrong } = run(`hkdf-${digest}`, (one) =>
    attempt(() => {
      const okm = hkdfSync(digest, bytes(one["ikm"]), bytes(one["salt"]), bytes(one["info"]), Number(one["size"]));
      return Buffer.from(okm).equals(bytes(one["okm"]));
    }),
  );
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThanOrEqual(80);
});

test("HMAC-SHA-256", () => {
  const { wrong } = run("hmac-sha256", (one, group) => {
    const tag = createHmac("sha256", bytes(one["key"])).update(bytes(one["msg"])).digest();
    return tag.subarray(0, Number(group["tagSize"]) / 8).equals(bytes(one["tag"]));
  });
  expect(wrong).toEqual([]);
});

function publicKey(group: Group) {
  return createPublicKey({ key: bytes(group["publicKeyDer"]), format: "der", type: "spki" });
}

test("Ed25519", () => {
  const { wrong } = run("ed25519", (one, group) =>
    attempt(() => verify(null, bytes(one["msg"]), publicKey(group), bytes(one["sig"]))),
  );
  expect(wrong).toEqual([]);
});

test.each(["secp256r1-sha256", "secp384r1-sha384", "secp521r1-sha512"])("ECDSA, %s", (name) => {
  const digest = name.split("-")[1]!;
  const { wrong } = run(`ecdsa-${name}-p1363`, (one, group) => {
    const key = { key: publicKey(group), dsaEncoding: "ieee-p1363" } as const;
    return attempt(() => verify(digest, bytes(one["msg"]), key, bytes(one["sig"])));
  });
  expect(wrong).toEqual([]);
});

test.each(["2048-sha256", "3072-sha512"])("RSA PKCS #1 v1.5, %s", (name) => {
  const digest = name.split("-")[1]!;
  const { wrong } = run(`rsa-signature-${name}`, (one, group) =>
    attempt(() => verify(digest, bytes(one["msg"]), publicKey(group), bytes(one["sig"]))),
  );
  expect(wrong).toEqual([]);
});
