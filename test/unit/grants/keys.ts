// SSH keys and signatures for tests: made here from their published forms, so that security keys need no device.

import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { grantNamespace } from "../../../src/grants/index.ts";

/** A key that signs as ssh-keygen would. */
export interface TestKey {
  /** The line of a .pub file. */
  readonly line: string;
  readonly blob: Buffer;
  /** The signature over a message, in its text form. */
  sign(message: string, changes?: Changes): string;
}

/** What a signature may say otherwise than it should. */
interface Changes {
  readonly namespace?: string;
  readonly flags?: number;
  readonly hash?: string;
  readonly reserved?: string;
  readonly version?: number;
  readonly tail?: string;
}

function string(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

/** A positive number in its shortest form. */
function number(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const short = bytes.subarray(start);
  return string(short[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), short]) : short);
}

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest();
const fromBase64Url = (text: string | undefined) => Buffer.from(text!, "base64url");

type Type = "ssh-ed25519" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ssh-rsa" | `sk-${string}`;

const application = "ssh:";

/** A new key of a type. */
export function testKey(type: Type = "ssh-ed25519", bits = 2_048): TestKey {
  const { publicKey, privateKey } = pairOf(type, bits);
  const blob = blobOf(type, publicKey);
  return {
    line: `${type} ${blob.toString("base64")} test`,
    blob,
    sign(
      message,
      { namespace = grantNamespace, flags = 1, hash = "sha512", reserved = "", version = 1, tail = "" } = {},
    ) {
      const digest = createHash(hash === "sha256" ? "sha256" : "sha512")
        .update(message, "latin1")
        .digest();
      const body = [string(namespace), string(reserved), string(hash)];
      const signed = Buffer.concat([Buffer.from("SSHSIG"), ...body, string(digest)]);
      const value = valueOf(type, privateKey, signed, flags);
      const whole = Buffer.concat([
        Buffer.from("SSHSIG"),
        uint32(version),
        string(blob),
        ...body,
        string(value),
        Buffer.from(tail),
      ]);
      return armored(whole);
    },
  };
}

/** The text form: lines of 70 characters. */
export function armored(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,70}/g) ?? [];
  return ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
}

function pairOf(type: Type, bits: number) {
  if (type === "ssh-rsa") return generateKeyPairSync("rsa", { modulusLength: bits });
  if (type.includes("ed25519")) return generateKeyPairSync("ed25519");
  return generateKeyPairSync("ec", { namedCurve: type.includes("nistp384") ? "P-384" : "P-256" });
}

function blobOf(type: Type, key: KeyObject): Buffer {
  const jwk = key.export({ format: "jwk" });
  const tail = type.startsWith("sk-") ? [string(application)] : [];
  if (type === "ssh-rsa")
    return Buffer.concat([string(type), number(fromBase64Url(jwk.e)), number(fromBase64Url(jwk.n))]);
  if (type.includes("ed25519")) return Buffer.concat([string(type), string(fromBase64Url(jwk.x)), ...tail]);
  const point = Buffer.concat([Buffer.of(4), fromBase64Url(jwk.x), fromBase64Url(jwk.y)]);
  const curve = type.includes("nistp384") ? "nistp384" : "nistp256";
  return Buffer.concat([string(type), string(curve), string(point), ...tail]);
}

function valueOf(type: Type, key: KeyObject, message: Buffer, flags: number): Buffer {
  if (!type.startsWith("sk-"))
    return Buffer.concat([string(type === "ssh-rsa" ? "rsa-sha2-512" : type), string(raw(type, key, message))]);
  const told = Buffer.concat([Buffer.of(flags), uint32(7)]);
  const device = Buffer.concat([sha256(application), told, sha256(message)]);
  return Buffer.concat([string(type), string(raw(type, key, device)), told]);
}

function raw(type: Type, key: KeyObject, message: Buffer): Buffer {
  if (type === "ssh-rsa") return sign("sha512", message, key);
  if (type.includes("ed25519")) return sign(null, message, key);
  const both = sign(type.includes("nistp384") ? "sha384" : "sha256", message, { key, dsaEncoding: "ieee-p1363" });
  return Buffer.concat([number(both.subarray(0, both.length / 2)), number(both.subarray(both.length / 2))]);
}
