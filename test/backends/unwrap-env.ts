// Opens an envelope's branch key with the env provider's master key, by docs/envelope.md and without our code for it:
// what a canary scan must look for and no answer ever holds.

import { createDecipheriv, hkdfSync } from "node:crypto";
import { decode } from "../../src/envelope/index.ts";

/** The branch key, and the bytes derived from the master key that wrapped it. */
export interface BranchSecrets {
  readonly branchKey: Buffer;
  readonly wrappingKey: Buffer;
}

/** Opens the first recipient's blob: salt, then AES-256-GCM of the share and the binding's hash (env scheme 1). */
export function branchSecrets(envelope: Uint8Array, masterKey: Uint8Array): BranchSecrets {
  const { realm, key, branchId, threshold, recipients, suite } = decode(envelope);
  const blob = recipients[0]!.wrapped;
  const salt = blob.subarray(0, 32);
  const okm = Buffer.from(hkdfSync("sha512", masterKey, salt, "keybroker env v1 wrap", 44));
  const binding = `keybroker/1;suite=${suite};realm=${realm};key=${key};branch=${Buffer.from(branchId).toString("hex")};share=1/${threshold}/${recipients.length}`;
  const decipher = createDecipheriv("aes-256-gcm", okm.subarray(0, 32), okm.subarray(32));
  decipher.setAAD(Buffer.from(binding));
  decipher.setAuthTag(blob.subarray(blob.length - 16));
  const material = Buffer.concat([decipher.update(blob.subarray(32, blob.length - 16)), decipher.final()]);
  return { branchKey: material.subarray(0, 32), wrappingKey: okm.subarray(0, 32) };
}
