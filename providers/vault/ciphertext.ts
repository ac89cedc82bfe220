// The blob of vault scheme 1: the ciphertext as the server writes it, in its one canonical spelling.

import { allocate } from "../../src/secret/index.ts";
import { decodeBase64 } from "./base64.ts";

/** Vault scheme 1 of docs/envelope.md: `vault:vN:` and base64 of what the key's AEAD cipher made, with A as associated data. */
export const scheme = 1;

/** `vault:v3:` and canonical base64. Servers take `v0`, sloppy base64 and line breaks for the same: we do not. */
const pattern = /^vault:v([1-9][0-9]{0,9}):([A-Za-z0-9+/]+={0,2})$/;

/** An envelope's limit for a blob, in bytes. */
const maxBlobBytes = 2_048;

/** A ciphertext, taken apart. */
export interface Ciphertext {
  readonly text: string;
  /** The key version that made it, from 1. */
  readonly version: number;
}

/** Reads a blob, or what a server answered; undefined when it is no canonical ciphertext of at most 2,048 bytes. */
export function readCiphertext(blob: unknown): Ciphertext | undefined {
  const text = typeof blob === "string" ? blob : blob instanceof Uint8Array ? textOf(blob) : "";
  const [, version, base64] = (text.length <= maxBlobBytes && pattern.exec(text)) || [];
  if (base64 === undefined || !decodeBase64(Buffer.from(base64))) return undefined;
  return { text, version: Number(version) };
}

/** The blob of a ciphertext: its ASCII. */
export function blobOf({ text }: Ciphertext): Buffer {
  const blob = allocate(text.length);
  blob.write(text, "latin1");
  return blob;
}

function textOf(blob: Uint8Array): string {
  return blob.length > maxBlobBytes ? "" : Buffer.from(blob).toString("latin1");
}
