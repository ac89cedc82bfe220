// SSH signatures over files, as `ssh-keygen -Y sign` makes them (openssh-portable, PROTOCOL.sshsig and PROTOCOL.u2f).

import { hash, verify, type KeyObject } from "node:crypto";
import { fromBase64, publicKeyFrom, type SshKeyType, type SshPublicKey } from "./public-key.ts";
import { readerOf, SshFormatError, sshString, type Reader } from "./reader.ts";

const magic = Buffer.from("SSHSIG");
const version = 1;

/** The lines around a signature. */
export const signatureBegin = "-----BEGIN SSH SIGNATURE-----";
export const signatureEnd = "-----END SSH SIGNATURE-----";

/** What a security key said when it signed, bit by bit (WebAuthn, section 6.1). */
const userPresent = 0x01;

/** A signature, read but not verified. */
export interface SshSignature {
  readonly publicKey: SshPublicKey;
  readonly namespace: string;
  readonly hashName: "sha256" | "sha512";
  /** What the key signed with: its type, for RSA the algorithm. */
  readonly algorithm: string;
  readonly value: Buffer;
  /** Of a security key. */
  readonly device: { readonly flags: number; readonly counter: number } | undefined;
}

/** Reads the text form: base64 between two lines. Throws SshFormatError. */
export function signatureFrom(armored: string): SshSignature {
  const lines = armored.trim().split(/\r?\n/);
  if (lines[0] !== signatureBegin || lines.at(-1) !== signatureEnd)
    throw new SshFormatError("a signature begins and ends with a line of its own");
  const bytes = fromBase64(lines.slice(1, -1).join(""));
  if (bytes === undefined) throw new SshFormatError("what is between a signature's lines is not base64");
  return signatureOf(bytes);
}

function signatureOf(bytes: Buffer): SshSignature {
  const reader = readerOf(bytes);
  if (!reader.bytes(magic.length).equals(magic)) throw new SshFormatError("it is no SSH signature");
  if (reader.uint32() !== version) throw new SshFormatError("it is of another version than 1");
  const publicKey = publicKeyFrom(reader.string());
  const namespace = reader.text();
  if (reader.string().length > 0) throw new SshFormatError("its reserved field is not empty");
  const hashName = hashNameOf(reader.text());
  const inner = readerOf(reader.string());
  reader.end();
  return { publicKey, namespace, hashName, ...readValue(inner, publicKey.type) };
}

function hashNameOf(name: string): SshSignature["hashName"] {
  if (name === "sha256" || name === "sha512") return name;
  throw new SshFormatError("its hash is neither sha256 nor sha512");
}

function readValue(reader: Reader, type: SshKeyType): Pick<SshSignature, "algorithm" | "value" | "device"> {
  const algorithm = reader.text();
  if (algorithm !== algorithmOf(type)) throw new SshFormatError(`keys of type ${type} sign with ${algorithmOf(type)}`);
  const value = reader.string();
  const device = type.startsWith("sk-") ? { flags: reader.byte(), counter: reader.uint32() } : undefined;
  reader.end();
  return { algorithm, value, device };
}

/** RSA with SHA-1, and with the shorter SHA-256, is not taken: ssh-keygen writes SHA-512. */
function algorithmOf(type: SshKeyType): string {
  return type === "ssh-rsa" ? "rsa-sha2-512" : type;
}

/**
 * Whether the key in a signature signed this message for this namespace. A security key must have been touched. Whose
 * key it is, is the caller's to know.
 */
export function isSignatureOf(signature: SshSignature, message: Uint8Array, namespace: string): boolean {
  if (signature.namespace !== namespace) return false;
  const { publicKey, hashName, value, device } = signature;
  const digest = hash(hashName, message, "buffer");
  const signed = Buffer.concat([magic, sshString(namespace), sshString(""), sshString(hashName), sshString(digest)]);
  if (device === undefined) return verifiers[publicKey.type](publicKey.key, signed, value);
  if ((device.flags & userPresent) === 0) return false;
  return verifiers[publicKey.type](publicKey.key, deviceMessage(publicKey, device, signed), value);
}

/** What a security key signs in the place of a message. */
function deviceMessage(
  { application }: SshPublicKey,
  { flags, counter }: NonNullable<SshSignature["device"]>,
  signed: Buffer,
): Buffer {
  const told = Buffer.alloc(5);
  told.writeUInt8(flags, 0);
  told.writeUInt32BE(counter, 1);
  return Buffer.concat([hash("sha256", application ?? "", "buffer"), told, hash("sha256", signed, "buffer")]);
}

type Verifier = (key: KeyObject, message: Buffer, value: Buffer) => boolean;

const edDsa: Verifier = (key, message, value) => verify(null, message, key, value);

/** Two numbers, r and s (RFC 5656, section 3.1.2). */
function ecDsa(hashName: string, size: number): Verifier {
  return (key, message, value) => {
    const both = pairOf(value, size);
    return both !== undefined && verify(hashName, message, { key, dsaEncoding: "ieee-p1363" }, both);
  };
}

/** Undefined for what is no pair of numbers of the curve's size. */
function pairOf(value: Buffer, size: number): Buffer | undefined {
  try {
    const reader = readerOf(value);
    const both = Buffer.alloc(2 * size);
    for (const end of [size, 2 * size]) {
      const number = reader.positive(size);
      both.set(number, end - number.length);
    }
    reader.end();
    return both;
  } catch (error) {
    if (error instanceof SshFormatError) return undefined;
    throw error;
  }
}

const verifiers: Readonly<Record<SshKeyType, Verifier>> = {
  "ssh-ed25519": edDsa,
  "sk-ssh-ed25519@openssh.com": edDsa,
  "ecdsa-sha2-nistp256": ecDsa("sha256", 32),
  "sk-ecdsa-sha2-nistp256@openssh.com": ecDsa("sha256", 32),
  "ecdsa-sha2-nistp384": ecDsa("sha384", 48),
  "ssh-rsa": (key, message, value) => verify("sha512", message, key, value),
};
