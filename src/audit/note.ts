// Signed notes: a text and the Ed25519 signature of a named key over it (https://c2sp.org/signed-note).

import { createPublicKey, hash, sign, verify, type KeyObject } from "node:crypto";

/** The algorithm's number for Ed25519 in key ids and verifier keys. */
const ed25519 = 1;
const keyIdBytes = 4;
const signatureBytes = 64;
/** What stands before the 32 bytes of an Ed25519 public key in SPKI (RFC 8410). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** Who signs notes. */
export interface NoteSigner {
  /** Not empty; no space, no plus sign. */
  readonly name: string;
  readonly privateKey: KeyObject;
}

/** Whose signatures count. */
export interface NoteVerifier {
  readonly name: string;
  /** 4 bytes that tell keys of one name apart. */
  readonly id: Buffer;
  readonly publicKey: KeyObject;
}

/** The text and its signature line. `text` ends with a newline and has no empty line. */
export function signNote(text: string, { name, privateKey }: NoteSigner): string {
  const signature = sign(null, Buffer.from(text), privateKey);
  const { id } = verifierOf({ name, privateKey });
  return `${text}\n— ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
}

/** The text of a note that one of the verifiers signed; undefined when none of them did, or when it is no note. */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): string | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end === -1 || !note.endsWith("\n")) return undefined;
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split("\n");
  const good = lines.some((line) => verifiers.some((verifier) => isSigned(text, line, verifier)));
  return good ? text : undefined;
}

function isSigned(text: string, line: string, { name, id, publicKey }: NoteVerifier): boolean {
  const prefix = `— ${name} `;
  if (!line.startsWith(prefix)) return false;
  const encoded = line.slice(prefix.length);
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded || bytes.length !== keyIdBytes + signatureBytes) return false;
  return (
    bytes.subarray(0, keyIdBytes).equals(id) && verify(null, Buffer.from(text), publicKey, bytes.subarray(keyIdBytes))
  );
}

/** The verifier of a signer. */
export function verifierOf({ name, privateKey }: NoteSigner): NoteVerifier {
  return makeVerifier(name, rawPublicKey(createPublicKey(privateKey)));
}

/** A verifier as the text that is given to those who verify: `name+id+key`. */
export function encodeVerifier({ name, id, publicKey }: NoteVerifier): string {
  const key = Buffer.concat([Buffer.from([ed25519]), rawPublicKey(publicKey)]).toString("base64");
  return `${name}+${id.toString("hex")}+${key}`;
}

/** Reads what `encodeVerifier` wrote. Undefined when it is something else, or its id is not the key's. */
export function decodeVerifier(text: string): NoteVerifier | undefined {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text.trim()) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes[0] !== ed25519 || bytes.toString("base64") !== encoded) return undefined;
  const verifier = makeVerifier(name, bytes.subarray(1));
  return verifier.id.toString("hex") === id ? verifier : undefined;
}

function makeVerifier(name: string, raw: Uint8Array): NoteVerifier {
  const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: "der", type: "spki" });
  const preimage = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ed25519]), raw]);
  return { name, id: hash("sha256", preimage, "buffer").subarray(0, keyIdBytes), publicKey };
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" }).subarray(spkiPrefix.length);
}
