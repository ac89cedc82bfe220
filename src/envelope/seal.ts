// Seals data keys under a branch key, and opens them: the code that runs for every call.

import { createCipheriv, createDecipheriv, timingSafeEqual } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { allocate, fillRandom, wipe } from "../secret/index.ts";
import type { BranchKeys } from "./keys.ts";
import { limits, sealOverheadBytes, sealPrefixBytes } from "./limits.ts";
import { refused, unwritable } from "./refusal.ts";
import type { Envelope } from "./types.ts";

const algorithm = "aes-256-gcm";
// Without it OpenSSL accepts tags of four bytes.
const options = { authTagLength: limits.tagBytes } as const;

/** A branch key that may seal: made, and proven, by this process. */
export interface SealingBranch extends BranchKeys {
  /** Rows 1–14, as `deriveKeys` got them. */
  readonly h0: Uint8Array;
}

/** What an envelope holds. Both are views of one buffer that nothing else shares; wiping `dataKey` is enough. */
export interface Opened {
  /** 32 bytes. Public, but not for callers who could guess contexts by it. */
  readonly contextHash: Buffer;
  /** 1 to 65,536 bytes. The caller owns and wipes it. */
  readonly dataKey: Buffer;
}

/**
 * Seals a data key: a whole envelope, in one buffer of its own, under a fresh nonce from the kernel. The caller
 * counts how often a branch key sealed, and still owns and wipes `dataKey`.
 *
 * @param dataKey 1 to 65,536 bytes.
 * @param contextHash what `contextHash` answered, or `open` when sealing anew.
 * @throws BrokerError INTERNAL when a length is wrong: callers check before.
 */
export function seal(branch: SealingBranch, dataKey: Uint8Array, contextHash: Uint8Array): Buffer {
  checkLengths(branch, dataKey, contextHash);
  const nonceAt = branch.h0.length + limits.commitmentBytes;
  const sealedAt = nonceAt + sealPrefixBytes;
  const sealedBytes = dataKey.length + sealOverheadBytes;
  const envelope = allocate(sealedAt + sealedBytes);
  envelope.set(branch.h0);
  envelope.set(branch.commitment, branch.h0.length);
  fillRandom(envelope, nonceAt, limits.nonceBytes);
  envelope.writeUInt32BE(sealedBytes, sealedAt - 4);
  envelope.set(contextHash, sealedAt);
  envelope.set(dataKey, sealedAt + limits.contextHashBytes);
  encryptInPlace(envelope, branch.sealKey, nonceAt, sealedAt);
  return envelope;
}

/** Encrypts what stands between `sealedAt` and the room for the tag, over itself: one pass, one copy. */
function encryptInPlace(envelope: Buffer, sealKey: KeyObject, nonceAt: number, sealedAt: number): void {
  const tagAt = envelope.length - limits.tagBytes;
  try {
    const nonce = envelope.subarray(nonceAt, nonceAt + limits.nonceBytes);
    const cipher = createCipheriv(algorithm, sealKey, nonce, options);
    cipher.setAAD(envelope.subarray(0, sealedAt));
    envelope.set(cipher.update(envelope.subarray(sealedAt, tagAt)), sealedAt);
    cipher.final();
    envelope.set(cipher.getAuthTag(), tagAt);
  } catch (error) {
    wipe(envelope);
    throw error;
  }
}

/**
 * Opens an envelope without asking for its context: for sealing anew, and for checks that let no key out.
 * The caller has compared the commitment.
 *
 * @throws BrokerError ENVELOPE_REFUSED when anything in the envelope was changed, or the key is another.
 */
export function open(envelope: Envelope, sealKey: KeyObject): Opened {
  const plaintext = decrypt(envelope, sealKey);
  const contextHash = plaintext.subarray(0, limits.contextHashBytes);
  return { contextHash, dataKey: plaintext.subarray(limits.contextHashBytes) };
}

/**
 * Opens an envelope for a caller who gave its context. The caller of this function has compared the commitment,
 * and owns and wipes the data key, whose buffer nothing else shares.
 *
 * @throws BrokerError ENVELOPE_REFUSED when the envelope was changed, the key is another or the context is.
 */
export function openFor(envelope: Envelope, sealKey: KeyObject, contextHash: Uint8Array): Buffer {
  const plaintext = decrypt(envelope, sealKey);
  const sealedHash = plaintext.subarray(0, limits.contextHashBytes);
  if (contextHash.length !== limits.contextHashBytes || !timingSafeEqual(sealedHash, contextHash)) {
    wipe(plaintext);
    throw refused("context");
  }
  return plaintext.subarray(limits.contextHashBytes);
}

/** Context hash ‖ data key, in a buffer of its own: `update` answers one outside the pool. */
function decrypt(envelope: Envelope, sealKey: KeyObject): Buffer {
  const { sealed } = envelope;
  const tagAt = sealed.length - limits.tagBytes;
  const decipher = createDecipheriv(algorithm, sealKey, envelope.nonce, options);
  decipher.setAAD(envelope.associatedData);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(0, tagAt));
  try {
    decipher.final();
  } catch {
    wipe(plaintext);
    throw refused("seal");
  }
  return plaintext;
}

function checkLengths(branch: SealingBranch, dataKey: Uint8Array, contextHash: Uint8Array): void {
  if (dataKey.length < 1 || dataKey.length > limits.maxDataKeyBytes) {
    throw unwritable(`a data key must be 1 to ${limits.maxDataKeyBytes} bytes`);
  }
  if (contextHash.length !== limits.contextHashBytes) throw unwritable("a context hash must be 32 bytes");
  if (branch.commitment.length !== limits.commitmentBytes) throw unwritable("a commitment must be 32 bytes");
}
