// SSH public keys, as `ssh-keygen` writes them into .pub files, and what verifying with each kind needs.

import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { readerOf, SshFormatError, type Reader } from "./reader.ts";

/** A public key that may sign. */
export interface SshPublicKey {
  readonly type: SshKeyType;
  /** The key in SSH's form: equal bytes mean equal keys. */
  readonly blob: Buffer;
  /** As `ssh-keygen -l` shows it: `SHA256:…`. */
  readonly fingerprint: string;
  readonly key: KeyObject;
  /** Of a security key: the application that it signs for. */
  readonly application: string | undefined;
}

/** The kinds that are taken: those of ssh-keygen but DSA, the curve P-521 and certificates. */
const sshKeyTypes = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ssh-rsa",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
] as const;

export type SshKeyType = (typeof sshKeyTypes)[number];

const minRsaBits = 2_048;
const maxRsaBytes = 2_048;
const ed25519Bytes = 32;

/** Reads a key's binary form. Throws SshFormatError. */
export function publicKeyFrom(blob: Buffer): SshPublicKey {
  const reader = readerOf(blob);
  const type = typeOf(reader.text());
  const jwk = readers[type](reader);
  const application = type.startsWith("sk-") ? reader.text() : undefined;
  reader.end();
  return { type, blob, fingerprint: fingerprintOf(blob), key: imported(jwk), application };
}

/**
 * The keys of a .pub file: a line each, empty lines and comments after # aside. Throws SshFormatError, also when there is
 * none; what is private is never repeated in it.
 */
export function publicKeysOf(text: string): SshPublicKey[] {
  const lines = text.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#")).map(publicKeyOfLine);
  if (keys.length > 0) return keys;
  throw new SshFormatError("there is no key in it");
}

function publicKeyOfLine(line: string): SshPublicKey {
  const [type, base64] = line.split(/[ \t]+/);
  if (line.startsWith("-----BEGIN")) throw new SshFormatError("it is a private key: name the .pub file beside it");
  const blob = fromBase64(base64 ?? "");
  if (blob === undefined) throw new SshFormatError("a line in it is no public key: its form is `ssh-ed25519 AAAA…`");
  const key = publicKeyFrom(blob);
  if (key.type !== type) throw new SshFormatError("a line in it says another type than its key has");
  return key;
}

/** Bytes of canonical base64; undefined for anything else, since Node's decoder takes nearly everything. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length > 0 && bytes.toString("base64") === text ? bytes : undefined;
}

function typeOf(name: string): SshKeyType {
  const type = sshKeyTypes.find((known) => known === name);
  if (type !== undefined) return type;
  throw new SshFormatError(`keys of type ${name.slice(0, 64)} are not taken: use one of ${sshKeyTypes.join(", ")}`);
}

function fingerprintOf(blob: Buffer): string {
  return `SHA256:${hash("sha256", blob, "base64").replace(/=+$/, "")}`;
}

interface Jwk {
  readonly kty: string;
  readonly [member: string]: string;
}

const readers: Readonly<Record<SshKeyType, (reader: Reader) => Jwk>> = {
  "ssh-ed25519": readEd25519,
  "sk-ssh-ed25519@openssh.com": readEd25519,
  "ecdsa-sha2-nistp256": (reader) => readPoint(reader, "nistp256", "P-256", 32),
  "sk-ecdsa-sha2-nistp256@openssh.com": (reader) => readPoint(reader, "nistp256", "P-256", 32),
  "ecdsa-sha2-nistp384": (reader) => readPoint(reader, "nistp384", "P-384", 48),
  "ssh-rsa": readRsa,
};

function readEd25519(reader: Reader): Jwk {
  const x = reader.string();
  if (x.length !== ed25519Bytes) throw new SshFormatError("its Ed25519 key has not 32 bytes");
  return { kty: "OKP", crv: "Ed25519", x: x.toString("base64url") };
}

/** An uncompressed point: 0x04, x, y (SEC 1, section 2.3.3). */
function readPoint(reader: Reader, name: string, crv: string, size: number): Jwk {
  const curve = reader.text();
  const point = reader.string();
  if (curve !== name || point.length !== 1 + 2 * size || point[0] !== 4)
    throw new SshFormatError(`its key is no point of ${name}`);
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  return { kty: "EC", crv, x: x.toString("base64url"), y: y.toString("base64url") };
}

function readRsa(reader: Reader): Jwk {
  const e = reader.positive(8);
  const n = reader.positive(maxRsaBytes);
  if (n.length * 8 - Math.clz32(n[0]!) + 24 < minRsaBits)
    throw new SshFormatError(`its RSA key has fewer than ${minRsaBits} bits`);
  return { kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") };
}

function imported(jwk: Jwk): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch (cause) {
    throw new SshFormatError("its numbers are no key", { cause });
  }
}
