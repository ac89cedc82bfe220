// Base64 between buffers: Buffer's own encoder and decoder make strings, which nobody can wipe, and take sloppy text.

import { allocate, wipe } from "../../src/secret/index.ts";

const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const padding = 0x3d;

/** The bytes' base64 text with padding (RFC 4648, section 4), in a buffer of its own that the caller wipes. */
export function encodeBase64(bytes: Uint8Array): Buffer {
  const text = allocate(4 * Math.ceil(bytes.length / 3));
  text.fill(padding);
  const characters = Math.ceil((8 * bytes.length) / 6);
  for (let index = 0; index < characters; index++) {
    const bit = 6 * index;
    const pair = (bytes[bit >> 3]! << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text[index] = alphabet[(pair >> (10 - (bit & 7))) & 0x3f]!;
  }
  return text;
}

/**
 * The bytes that canonical base64 text stands for, in a buffer of its own that the caller wipes; undefined for any
 * other text. It is decoded, encoded again and compared, so one value has one text.
 */
export function decodeBase64(text: Uint8Array): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padded = text.length === 0 ? 0 : Number(text.at(-1) === padding) + Number(text.at(-2) === padding);
  const bytes = allocate((3 * text.length) / 4 - padded);
  let bits = 0;
  let waiting = 0;
  let written = 0;
  for (const character of text.subarray(0, text.length - padded)) {
    bits = ((bits << 6) | sextetOf(character)) & 0xffff;
    waiting += 6;
    if (waiting < 8) continue;
    waiting -= 8;
    bytes[written++] = bits >> waiting;
  }
  const again = encodeBase64(bytes);
  const canonical = again.equals(text);
  wipe(again);
  if (canonical) return bytes;
  wipe(bytes);
  return undefined;
}

/** Zero for what is no base64: the comparison finds it. */
function sextetOf(character: number): number {
  if (character >= 0x41 && character <= 0x5a) return character - 0x41;
  if (character >= 0x61 && character <= 0x7a) return character - 0x61 + 26;
  if (character >= 0x30 && character <= 0x39) return character - 0x30 + 52;
  if (character === 0x2b) return 62;
  return character === 0x2f ? 63 : 0;
}
