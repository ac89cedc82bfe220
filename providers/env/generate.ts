// Makes a new master key, in the form that the env provider reads.

import { allocate, randomBytes, wipe } from "../../src/secret/index.ts";
import { masterKeyBytes } from "./decode.ts";

const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

/**
 * A random master key as the bytes of its base64 text (44 characters, no line break), in a buffer of its own that
 * the caller wipes. Its randomness is the kernel's.
 */
export function generateMasterKey(): Buffer {
  const key = randomBytes(masterKeyBytes);
  const text = encodeBase64(key);
  wipe(key);
  return text;
}

/** Buffer's own encoder makes a string, which nobody can wipe. */
function encodeBase64(bytes: Uint8Array): Buffer {
  const text = allocate(4 * Math.ceil(bytes.length / 3));
  text.fill("=");
  const characters = Math.ceil((8 * bytes.length) / 6);
  for (let index = 0; index < characters; index++) {
    const bit = 6 * index;
    const pair = (bytes[bit >> 3]! << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text[index] = alphabet[(pair >> (10 - (bit & 7))) & 0x3f]!;
  }
  return text;
}
