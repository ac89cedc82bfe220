// Encodes data keys into buffers that can be wiped: Buffer's own encoders make strings, which cannot.

import { isUtf8 } from "node:buffer";
import { allocate } from "../secret/index.ts";
import { CliError } from "./failure.ts";

/** How a data key is written. */
export const formats = ["base64url", "hex", "raw"] as const;
export type Format = (typeof formats)[number];

const digits = Buffer.from("0123456789abcdef");
const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

/** Lower-case hex, in a buffer of its own that the caller wipes. */
export function hex(bytes: Uint8Array): Buffer {
  const text = allocate(2 * bytes.length);
  for (const [index, byte] of bytes.entries()) {
    text[2 * index] = digits[byte >> 4]!;
    text[2 * index + 1] = digits[byte & 15]!;
  }
  return text;
}

/** Base64url without padding, in a buffer of its own that the caller wipes. */
export function base64url(bytes: Uint8Array): Buffer {
  const text = allocate(Math.ceil((8 * bytes.length) / 6));
  for (let index = 0; index < text.length; index++) {
    const bit = 6 * index;
    const pair = (bytes[bit >> 3]! << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text[index] = alphabet[(pair >> (10 - (bit & 7))) & 63]!;
  }
  return text;
}

/** Several parts as one, in a buffer of its own that the caller wipes. */
export function joined(...parts: readonly Uint8Array[]): Buffer {
  const whole = allocate(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * A data key as exactly one line for programs that ask a command for a password. `raw` is for data keys that are a
 * line of text themselves: a reader would silently cut others at their first line end, and go on with a weaker key.
 *
 * @throws CliError 1 when a raw data key is no line of text.
 */
export function line(dataKey: Uint8Array, format: Format, newline: "auto" | "never"): Buffer {
  if (format === "raw") return rawLine(dataKey, newline);
  const encoded = format === "hex" ? hex(dataKey) : base64url(dataKey);
  if (newline === "never") return encoded;
  const whole = joined(encoded, Buffer.of(lineFeed));
  encoded.fill(0);
  return whole;
}

const lineFeed = 10;

function rawLine(dataKey: Uint8Array, newline: "auto" | "never"): Buffer {
  const text = dataKey.at(-1) === lineFeed ? dataKey.subarray(0, -1) : dataKey;
  if (text.length === 0 || !isPrintable(text))
    throw new CliError(
      1,
      "this data key is not one line of text: use --format base64url or hex, or `keybroker unwrap`",
    );
  return joined(newline === "never" ? text : dataKey);
}

/** UTF-8 without control characters (C0, DEL, C1, line separators). Works on bytes: no string of it is made. */
export function isPrintable(bytes: Uint8Array): boolean {
  const control = bytes.some((byte, index) => byte < 32 || byte === 127 || isControlPair(bytes, index));
  return !control && isUtf8(bytes);
}

function isControlPair(bytes: Uint8Array, index: number): boolean {
  const [first, second, third] = [bytes[index]!, bytes[index + 1] ?? 0, bytes[index + 2] ?? 0];
  if (first === 0xc2) return second >= 0x80 && second <= 0x9f;
  return first === 0xe2 && second === 0x80 && (third === 0xa8 || third === 0xa9);
}
