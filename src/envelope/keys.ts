// What a branch key is used for: an AES key and a commitment, bound to its header.

import { createSecretKey, hash, hkdfSync, timingSafeEqual } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { copy, wipe } from "../secret/index.ts";
import { limits } from "./limits.ts";
import { unwritable } from "./refusal.ts";

const infoPrefix = Buffer.from("keybroker envelope v1");
const aesKeyBytes = 32;

/** What seals and opens under one branch key. It is derived once; the branch key itself is not needed again. */
export interface BranchKeys {
  /** The AES-256 key. */
  readonly sealKey: KeyObject;
  /** Row 15, 32 bytes. Public. */
  readonly commitment: Buffer;
}

/**
 * HKDF-SHA-512 (RFC 5869, no salt) over the branch key, with H0 in `info`: the same branch key under another
 * header gives other keys.
 *
 * @param branchKey 32 bytes; the caller still owns and wipes it.
 * @throws BrokerError INTERNAL when the branch key has another length.
 */
export function deriveKeys(branchKey: Uint8Array, h0: Uint8Array): BranchKeys {
  if (branchKey.length !== limits.branchKeyBytes) throw unwritable("a branch key must be 32 bytes");
  const info = Buffer.concat([infoPrefix, hash("sha512", h0, "buffer")]);
  const okm = new Uint8Array(hkdfSync("sha512", branchKey, "", info, aesKeyBytes + limits.commitmentBytes));
  try {
    return { sealKey: createSecretKey(okm.subarray(0, aesKeyBytes)), commitment: copy(okm.subarray(aesKeyBytes)) };
  } finally {
    wipe(okm);
  }
}

/**
 * Whether an envelope commits to these keys; compared in constant time. It is asked before the first decryption:
 * AES-GCM alone lets one ciphertext open under two keys.
 */
export function commitmentEquals(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
