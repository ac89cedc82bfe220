// What a master key wraps: a share of a branch key, with the hash of what it is bound to.

import { hash, timingSafeEqual } from "node:crypto";
import type { Binding } from "../provider/binding.ts";
import { allocate, copy } from "../secret/index.ts";
import { limits } from "./limits.ts";
import { refused, unwritable } from "./refusal.ts";

const shareBytes = limits.branchKeyBytes;
const hashBytes = 32;

/**
 * The provider's plaintext: share ‖ SHA-256(A), 64 bytes in a buffer of its own, which the caller owns and wipes.
 *
 * @param share 32 bytes; the caller still owns and wipes it.
 * @throws BrokerError INTERNAL when the share has another length.
 */
export function material(share: Uint8Array, binding: Binding): Buffer {
  if (share.length !== shareBytes) throw unwritable("a share must be 32 bytes");
  const bytes = allocate(shareBytes + hashBytes);
  bytes.set(share);
  bytes.set(hash("sha256", binding.bytes, "buffer"), shareBytes);
  return bytes;
}

/**
 * The share in what a provider unwrapped, 32 bytes in a buffer of its own; the caller owns and wipes both. The hash
 * is compared in constant time, so a backend that ignores associated data, or answers for another blob, is caught.
 *
 * @throws BrokerError ENVELOPE_REFUSED when the length or the hash is not right.
 */
export function shareOf(material: Uint8Array, binding: Binding): Buffer {
  if (material.length !== shareBytes + hashBytes) throw refused("material: length");
  const expected = hash("sha256", binding.bytes, "buffer");
  if (!timingSafeEqual(material.subarray(shareBytes), expected)) throw refused("material: binding");
  return copy(material.subarray(0, shareBytes));
}
