// Reads a 32-byte master key from text, byte by byte: no string ever holds it.

import { BrokerError } from "../../src/errors/index.ts";
import { allocate, copy, wipe } from "../../src/secret/index.ts";

/** Bytes of a master key. */
export const masterKeyBytes = 32;

const hexCharacters = 64;
const base64Characters = 43;

/** Seven characters at least: a random key has one of these in it once in a thousand million. */
const placeholders = [
  "changeme",
  "change-me",
  "change_me",
  "example",
  "placeholder",
  "password",
  "masterkey",
  "replace",
];

/**
 * The master key that `text` stands for: 64 hex characters, or base64 or base64url of 43 with or without its padding.
 * The caller owns and wipes both buffers. Throws REQUEST_INVALID, which says of `where` what is wrong with it and
 * never its value, for any other text and for keys that nobody drew at random.
 */
export function decodeMasterKey(text: Uint8Array, where: string): Buffer {
  const key = allocate(masterKeyBytes);
  const fault = faultOfText(text) ?? (decode(text, key) || faultOfKey(key));
  if (fault === undefined) return key;
  wipe(key);
  throw new BrokerError(
    "REQUEST_INVALID",
    `the ${where} ${fault}: expected are 32 random bytes in base64, base64url or hex (keybroker generate-master-key makes one)`,
  );
}

/** A file's text without the one line break that editors and `kubectl create secret` leave at its end. */
export function withoutLastLineBreak(text: Buffer): Buffer {
  return text.at(-1) === 0x0a ? text.subarray(0, -1) : text;
}

function faultOfText(text: Uint8Array): string | undefined {
  if (text.length === 0) return "is empty";
  if (text.some(isSpace)) return "has white space in it or around it";
  if (hasPlaceholder(text)) return "is a placeholder";
  if (!text.every((byte) => sextetOf(byte) !== undefined || byte === padding))
    return "is not in one of these encodings";
  const length = withoutPadding(text).length;
  if (length === base64Characters || text.length === hexCharacters) return undefined;
  return length < base64Characters ? "is too short" : "has a wrong length";
}

function decode(text: Uint8Array, key: Buffer): string | undefined {
  return text.length === hexCharacters ? decodeHex(text, key) : decodeBase64(withoutPadding(text), key);
}

function decodeHex(text: Uint8Array, key: Buffer): string | undefined {
  for (const index of key.keys()) {
    const high = hexDigitOf(text[2 * index]!);
    const low = hexDigitOf(text[2 * index + 1]!);
    if (high === undefined || low === undefined) return "is too long for base64 and is not hex";
    key[index] = (high << 4) | low;
  }
  return undefined;
}

function decodeBase64(text: Uint8Array, key: Buffer): string | undefined {
  if (text.some((byte) => byte === 0x2b || byte === 0x2f) && text.some((byte) => byte === 0x2d || byte === 0x5f))
    return "mixes base64 with base64url";
  let bits = 0;
  let written = 0;
  let waiting = 0;
  for (const byte of text) {
    const sextet = sextetOf(byte);
    if (sextet === undefined) return "has padding before its end";
    bits = ((bits << 6) | sextet) & 0xfff;
    waiting += 6;
    if (waiting < 8) continue;
    waiting -= 8;
    key[written++] = bits >> waiting;
  }
  return (bits & 0b11) === 0 ? undefined : "is damaged at its end";
}

/** Patterns that a random key shows once in 2^100 or less, and a made-up one nearly always. */
function faultOfKey(key: Buffer): string | undefined {
  if (key.every((byte) => byte === 0)) return "is all zero";
  if (key.every((byte) => byte === key[0])) return "is one byte repeated";
  const step = (key[1]! - key[0]!) & 0xff;
  if (key.every((byte, index) => index === 0 || ((byte - key[index - 1]!) & 0xff) === step))
    return "is a plain sequence";
  if (key.every((byte, index) => byte === key[index % 16])) return "repeats itself";
  if (key.every((byte) => byte >= 0x20 && byte < 0x7f)) return "is text, not random bytes";
  return undefined;
}

function hasPlaceholder(text: Uint8Array): boolean {
  const lower = copy(text);
  for (const [index, byte] of lower.entries()) if (byte >= 0x41 && byte <= 0x5a) lower[index] = byte | 0x20;
  const found = placeholders.some((placeholder) => lower.includes(placeholder));
  wipe(lower);
  return found;
}

const padding = 0x3d;

function withoutPadding(text: Uint8Array): Uint8Array {
  return text.length === base64Characters + 1 && text.at(-1) === padding ? text.subarray(0, -1) : text;
}

function isSpace(byte: number): boolean {
  return byte <= 0x20 || byte === 0x7f || byte === 0xa0 || byte === 0xfeff;
}

function hexDigitOf(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}

/** Both alphabets of RFC 4648, sections 4 and 5. */
function sextetOf(byte: number): number | undefined {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52;
  if (byte === 0x2b || byte === 0x2d) return 62;
  return byte === 0x2f || byte === 0x5f ? 63 : undefined;
}
