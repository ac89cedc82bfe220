// Buffers for secrets: outside Node's shared pool, filled from the kernel, wiped by whoever owns them.

import { openSync, readSync } from "node:fs";

export { accessFault } from "./access.ts";
export type { FileUse } from "./access.ts";

/**
 * A zeroed buffer with memory of its own. `Buffer.from`, `allocUnsafe` and `concat` may hand out a slice of a slab
 * that other code shares. The caller owns and wipes it.
 */
export function allocate(length: number): Buffer<ArrayBuffer> {
  return Buffer.alloc(length);
}

/** A copy with memory of its own. The caller owns and wipes it, and still owns the source. */
export function copy(source: Uint8Array): Buffer<ArrayBuffer> {
  const target = allocate(source.length);
  target.set(source);
  return target;
}

/** Overwrites with zeros. JavaScript cannot promise that no copy was made before; we make none. */
export function wipe(...buffers: (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0);
}

let urandom: number | undefined;

/**
 * Fills a range of a buffer from the kernel (random(4)). OpenSSL's generator, behind `crypto.randomBytes`, keeps
 * its state in this process: two clones of a virtual machine would draw the same nonce from it.
 */
export function fillRandom(target: Uint8Array, offset = 0, length = target.length - offset): void {
  urandom ??= openSync("/dev/urandom", "r");
  let filled = 0;
  while (filled < length) filled += readSync(urandom, target, offset + filled, length - filled, null);
}

/** Random bytes from the kernel, in a buffer of its own. The caller owns and wipes it. */
export function randomBytes(length: number): Buffer<ArrayBuffer> {
  const bytes = allocate(length);
  fillRandom(bytes);
  return bytes;
}
