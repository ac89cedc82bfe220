// The two calls that shares go through: Encrypt and Decrypt, each of one region.

import { wipe } from "../../src/secret/index.ts";
import { compareKeys, incomplete } from "./answer.ts";
import type { Pairs } from "./permissions.ts";
import { carry, standInFor, takeFrom } from "./plaintext.ts";
import type { Library, Region } from "./regions.ts";

/** Where a call goes, and under which context. */
export interface Target {
  readonly library: Library;
  readonly region: Region;
  /** The key's ARN in that region. */
  readonly key: string;
  readonly pairs: Pairs;
}

/** The blob. Throws as `Region.ask`; INTERNAL for another key's answer. */
export async function encrypt(target: Target, material: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const { library, region, key, pairs } = target;
  const input = { KeyId: key, Plaintext: standInFor(material), EncryptionContext: { ...pairs } };
  const command = new library.kms.EncryptCommand(input);
  carry(command, material);
  const answer = await region.ask(signal, (kms) => kms.send(command, { abortSignal: signal }));
  compareKeys(answer.KeyId, key);
  if (!answer.CiphertextBlob?.length) throw incomplete();
  return answer.CiphertextBlob;
}

/** What Decrypt answered. */
export interface Decrypted {
  /** In a buffer of its own, which the caller wipes. */
  readonly material: Buffer;
  /** The key material that it was encrypted under, where KMS names it. */
  readonly version: string | undefined;
}

/** The material. The configured key is always named. Throws as `encrypt`. */
export async function decrypt(target: Target, wrapped: Uint8Array, signal: AbortSignal): Promise<Decrypted> {
  const { library, region, key, pairs } = target;
  const input = { KeyId: key, CiphertextBlob: wrapped, EncryptionContext: { ...pairs } };
  const command = new library.kms.DecryptCommand(input);
  const taken = takeFrom(command);
  try {
    const answer = await region.ask(signal, (kms) => kms.send(command, { abortSignal: signal }));
    // What the SDK itself decoded are zeros, unless an answer had a form that was not looked for.
    wipe(answer.Plaintext);
    compareKeys(answer.KeyId, key);
    if (!taken.plaintext?.length) throw incomplete();
    return { material: taken.plaintext, version: answer.KeyMaterialId };
  } catch (error) {
    wipe(taken.plaintext);
    throw error;
  }
}
