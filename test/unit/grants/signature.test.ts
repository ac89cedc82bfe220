// SSH signatures: every kind of key, what ssh-keygen made of some, and every way to be wrong.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { grantNamespace } from "../../../src/grants/index.ts";
import { isSignatureOf, publicKeysOf, SshFormatError, signatureFrom } from "../../../src/ssh/index.ts";
import { armored, testKey } from "./keys.ts";

const message = "keybroker grant v1\nwhatever it says\n";
const bytes = Buffer.from(message);

const types = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ssh-rsa",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
] as const;

describe("what ssh-keygen signed", () => {
  const { message: recorded, signatures } = JSON.parse(
    readFileSync(join(import.meta.dirname, "ssh-keygen.json"), "utf8"),
  ) as Recorded;

  it.each(signatures)("is verified: $fingerprint, $hash", ({ publicKey, fingerprint, hash, signature }) => {
    const [known] = publicKeysOf(publicKey);
    const read = signatureFrom(signature);
    expect([known!.fingerprint, read.publicKey.fingerprint, read.hashName]).toEqual([fingerprint, fingerprint, hash]);
    expect(isSignatureOf(read, Buffer.from(recorded), grantNamespace)).toBe(true);
    expect(isSignatureOf(read, Buffer.from(`${recorded} `), grantNamespace)).toBe(false);
  });
});

interface Recorded {
  readonly message: string;
  readonly signatures: readonly {
    readonly publicKey: string;
    readonly fingerprint: string;
    readonly hash: string;
    readonly signature: string;
  }[];
}

describe.each(types)("a signature of %s", (type) => {
  const key = testKey(type);

  it("is for one namespace and one text", () => {
    const signature = signatureFrom(key.sign(message));
    expect(isSignatureOf(signature, bytes, grantNamespace)).toBe(true);
    expect(isSignatureOf(signature, bytes, "file")).toBe(false);
    expect(isSignatureOf(signatureFrom(key.sign(message, { namespace: "file" })), bytes, grantNamespace)).toBe(false);
    expect(isSignatureOf(signature, Buffer.from("another"), grantNamespace)).toBe(false);
  });

  it("is spoilt by every change of a bit", () => {
    const whole = Buffer.from(key.sign(message).split("\n").slice(1, -2).join(""), "base64");
    const accepted: number[] = [];
    for (let bit = 0; bit < whole.length * 8; bit += type === "ssh-rsa" ? 5 : 1) {
      const changed = Buffer.from(whole);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (isAccepted(armored(changed), key.blob)) accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });
});

/** Whether it is taken as a signature of this very key. */
function isAccepted(text: string, blob: Buffer): boolean {
  try {
    const signature = signatureFrom(text);
    return signature.publicKey.blob.equals(blob) && isSignatureOf(signature, bytes, grantNamespace);
  } catch (error) {
    if (error instanceof SshFormatError) return false;
    throw error;
  }
}

describe("what is refused", () => {
  const key = testKey();
  const touched = testKey("sk-ssh-ed25519@openssh.com");

  it("is a security key that nobody touched", () => {
    expect(isAccepted(touched.sign(message, { flags: 0x05 }), touched.blob)).toBe(true);
    expect(isAccepted(touched.sign(message, { flags: 0x04 }), touched.blob)).toBe(false);
    expect(isAccepted(touched.sign(message, { flags: 0 }), touched.blob)).toBe(false);
  });

  it.each([
    ["another version", { version: 2 }],
    ["something reserved", { reserved: "x" }],
    ["an unknown hash", { hash: "sha1" }],
    ["something after its end", { tail: "x" }],
  ])("is %s", (_what, changes) => {
    expect(() => signatureFrom(key.sign(message, changes))).toThrow(SshFormatError);
  });

  it("are RSA keys below 2,048 bits, and all keys that are not in the list", () => {
    expect(() => publicKeysOf(testKey("ssh-rsa", 1_024).line)).toThrow("fewer than 2048 bits");
    expect(() => publicKeysOf("ssh-dss AAAAB3NzaC1kc3MAAACB")).toThrow(SshFormatError);
    expect(() => publicKeysOf(key.line.replace("ssh-ed25519", "ssh-rsa"))).toThrow("another type");
    expect(() => publicKeysOf(" \n# nothing\n")).toThrow("no key");
    expect(() => publicKeysOf("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA")).toThrow("private key");
  });

  it("is base64 that could be written otherwise", () => {
    const lines = key.sign(message).split("\n");
    const spoilt = [...lines.slice(0, -3), `${lines.at(-3)!} `, ...lines.slice(-2)].join("\n");
    expect(() => signatureFrom(spoilt)).toThrow(SshFormatError);
  });
});

describe("whatever it is given", () => {
  const whole = Buffer.from(
    testKey("sk-ecdsa-sha2-nistp256@openssh.com").sign(message).split("\n").slice(1, -2).join(""),
    "base64",
  );

  property.prop([fc.uint8Array({ maxLength: 400 })])("throws SshFormatError alone", (input) => {
    expect(() => signatureFrom(armored(Buffer.from(input)))).toThrow(SshFormatError);
    expect(() => publicKeysOf(`ssh-ed25519 ${Buffer.from(input).toString("base64")}`)).toThrow(SshFormatError);
  });

  property.prop([fc.nat(whole.length - 1)])("refuses a signature that is cut", (length) => {
    expect(() => signatureFrom(armored(whole.subarray(0, length)))).toThrow(SshFormatError);
  });
});

it("reads several keys of one person, with comments", () => {
  const [one, other] = [testKey(), testKey("ssh-rsa")];
  const keys = publicKeysOf(`# at home\n${one.line}\n\n${other.line} with a comment\r\n`);
  expect(keys.map(({ type }) => type)).toEqual(["ssh-ed25519", "ssh-rsa"]);
  expect(keys[0]!.blob.equals(one.blob)).toBe(true);
});
