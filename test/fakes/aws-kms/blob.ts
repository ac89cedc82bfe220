// Ciphertext blobs: AES-256-GCM under a material, with the key, the material and the whole context authenticated.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Key, Keys, Material } from "./keys.ts";
import { AwsError } from "./error.ts";

/** Like AWS's own, blobs begin with bytes of a format and name their key: Decrypt can tell whose they are. */
const format = Buffer.from([1, 2, 2, 0]);
const idBytes = 64;
const ivBytes = 12;
const tagBytes = 16;
const headBytes = format.length + 2 * idBytes;

export type EncryptionContext = Readonly<Record<string, string>>;

/** Every part has its length before it, so that no two contexts are alike. */
function contextBytes(context: EncryptionContext): Buffer {
  const parts = Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = parts.flat().map((part) => Buffer.from(part));
  return Buffer.concat(bytes.flatMap((part) => [Buffer.from(Uint32Array.of(part.length).buffer), part]));
}

export function seal(key: Key, plaintext: Buffer, context: EncryptionContext): Buffer {
  const material = key.materials.at(-1)!;
  const head = Buffer.concat([format, padded(key.id), padded(material.id)]);
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", material.bytes, iv).setAAD(Buffer.concat([head, contextBytes(context)]));
  return Buffer.concat([head, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** What a blob opens to. Throws IncorrectKeyException for another key's, InvalidCiphertextException for no one's. */
export function open(blob: Buffer, named: Key | undefined, context: EncryptionContext, keys: Keys, region: string) {
  const id = blob
    .subarray(format.length, format.length + idBytes)
    .toString("latin1")
    .trimEnd();
  if (blob.length <= headBytes + ivBytes + tagBytes || !blob.subarray(0, format.length).equals(format)) throw invalid();
  const key = ownerOf(id, keys, region);
  if (named && named !== key) {
    const message = "The key ID in the request does not identify a CMK that can perform this operation.";
    throw new AwsError("IncorrectKeyException", message);
  }
  const materialId = blob.subarray(format.length + idBytes, headBytes).toString("latin1");
  const material = key.materials.find((one) => one.id === materialId);
  if (!material) throw invalid();
  return { key, material, plaintext: decipher(blob, material, context) };
}

function ownerOf(id: string, keys: Keys, region: string): Key {
  try {
    return keys.find(id, region);
  } catch {
    const message =
      "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.";
    throw new AwsError("AccessDeniedException", message);
  }
}

function decipher(blob: Buffer, { bytes }: Material, context: EncryptionContext): Buffer {
  const iv = blob.subarray(headBytes, headBytes + ivBytes);
  const decipher = createDecipheriv("aes-256-gcm", bytes, iv, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.concat([blob.subarray(0, headBytes), contextBytes(context)]));
  decipher.setAuthTag(blob.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(blob.subarray(headBytes + ivBytes, -tagBytes)), decipher.final()]);
  } catch {
    throw invalid();
  }
}

const padded = (id: string): Buffer => Buffer.from(id.padEnd(idBytes), "latin1");

function invalid(): AwsError {
  return new AwsError("InvalidCiphertextException");
}
