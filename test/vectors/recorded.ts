// Blobs that real providers made, and what brings their master keys back: test/vectors/recorded.json, read.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ForeignRecipe } from "./writer.ts";

/** The master keys that blobs are recorded with: a provider's kind, and where it has several, which way of wrapping. */
export type MasterName =
  | "aws-kms"
  | "gcp-kms"
  | "vault-aes256-gcm96"
  | "vault-chacha20-poly1305"
  | "vault-xchacha20-poly1305"
  | "pkcs11-gcm"
  | "pkcs11-key-wrap"
  | "pkcs11-rsa-oaep-sha1"
  | "pkcs11-gcm-device-iv"
  | "pkcs11-gcm-appended-iv"
  | "pkcs11-rsa-oaep";

/** What brings a master key back; bytes are hex. Which fields there are is the backend's. */
export type Restore = Readonly<Record<string, string>>;

/** A master key of a backend, with its material: it protects nothing but test vectors. */
export interface RecordedMaster {
  readonly kind: string;
  readonly masterKeyId: string;
  readonly restore: Restore;
  readonly recorded: { readonly on: string; readonly backend: string; readonly backendVersion: string };
}

/** What a provider's `MasterKey.wrap` answered. */
export interface RecordedBlob {
  /** The vector and the recipient's place in it, counted from 1. */
  readonly name: string;
  readonly master: MasterName;
  readonly kind: number;
  readonly scheme: number;
  readonly masterKeyId: string;
  readonly version: string;
  /** Hex. */
  readonly wrapped: string;
}

/** The whole file. */
export interface Recorded {
  readonly masters: Partial<Record<MasterName, RecordedMaster>>;
  readonly blobs: readonly RecordedBlob[];
}

/** Where it is. */
export const recordedFile = fileURLToPath(new URL("recorded.json", import.meta.url));

/** The file as it lies there. */
export const recorded = JSON.parse(readFileSync(recordedFile, "utf8")) as Recorded;

/** A blob's name. */
export const blobName = (vector: string, position: number): string => `${vector} ${position}`;

/** The recipient that was recorded for a place of a vector. */
export function recordedRecipient(vector: string, position: number): ForeignRecipe {
  const blob = recorded.blobs.find(({ name }) => name === blobName(vector, position));
  if (!blob) throw new Error(`nothing is recorded for ${vector}, recipient ${position}: node test/vectors/record.ts`);
  const { kind, scheme, masterKeyId, version, wrapped } = blob;
  return { kind, scheme, masterKeyId, version, wrapped: Buffer.from(wrapped, "hex") };
}
