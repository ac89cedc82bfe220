// Base64 from bytes to bytes: node's own makes strings, which nobody can wipe.

import { allocate, wipe } from "../../src/secret/index.ts";

const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const padding = 0x3d;

/** How many characters so many bytes take. */
export function encodedLength(byteLength: number): number {
  return 4 * Math.ceil(byteLength / 3);
}

/** Writes the text of `bytes` into `target` from `offset`. */
export function encodeInto(target: Uint8Array, offset: number, bytes: Uint8Array): void {
  target.fill(padding, offset, offset + encodedLength(bytes.length));
  const characters = Math.ceil((8 * bytes.length) / 6);
  for (let index = 0; index < characters; index++) {
    const bit = 6 * index;
    const pair = (bytes[bit >> 3]! << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    target[offset + index] = alphabet[(pair >> (10 - (bit & 7))) & 0x3f]!;
  }
}

/**
 * The bytes that a padded, canonical text stands for, in a buffer of its own that the caller wipes; undefined when it is
 * not such a text.
 */
export function decode(text: Uint8Array): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const characters = text.length - [text.at(-1), text.at(-2)].filter((byte) => byte === padding).length;
  const bytes = allocate((characters * 6) >> 3);
  let bits = 0;
  let waiting = 0;
  let written = 0;
  for (let index = 0; index < characters; index++) {
    const sextet = alphabet.indexOf(text[index]!);
    if (sextet === -1) return given(bytes);
    bits = ((bits << 6) | sextet) & 0xfff;
    waiting += 6;
    if (waiting < 8) continue;
    waiting -= 8;
    bytes[written++] = bits >> waiting;
  }
  return (bits & ((1 << waiting) - 1)) === 0 ? bytes : given(bytes);
}

function given(bytes: Buffer): undefined {
  wipe(bytes);
  return undefined;
}
