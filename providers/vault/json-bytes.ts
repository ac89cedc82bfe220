// JSON with secrets in it, as bytes: a secret goes in and comes out without having been a string.

import { allocate, copy, wipe } from "../../src/secret/index.ts";

/** A value of a body: bytes are a secret text, the rest is public. */
export type BodyValue = string | number | Uint8Array;

const quote = 0x22;
const backslash = 0x5c;

/**
 * A JSON object in a buffer of its own that the caller wipes. Throws for secret bytes that a JSON string cannot hold
 * as they are: anything but printable ASCII, a quote or a backslash.
 */
export function composeJson(fields: Readonly<Record<string, BodyValue | undefined>>): Buffer {
  const parts = Object.entries(fields)
    .filter((field): field is [string, BodyValue] => field[1] !== undefined)
    .flatMap(([name, value], index) => [
      Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`),
      ...textOf(value),
    ]);
  const pieces = [...parts, Buffer.from(parts.length === 0 ? "{}" : "}")];
  const body = allocate(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    body.set(piece, offset);
    offset += piece.length;
  }
  return body;
}

/** Whether the bytes can stand between the quotes of a JSON string as they are. */
export function isPlainText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte > 0x20 && byte < 0x7f && byte !== quote && byte !== backslash);
}

function textOf(value: BodyValue): readonly Uint8Array[] {
  if (typeof value === "string" || typeof value === "number") return [Buffer.from(JSON.stringify(value))];
  if (!isPlainText(value)) throw new TypeError("a secret that is not plain text cannot be sent");
  return [Buffer.from('"'), value, Buffer.from('"')];
}

/**
 * Takes a secret text out of a JSON document: answers a copy, which the caller wipes, and overwrites it where it was,
 * so that the rest may be parsed. Undefined when the document has no such field, or its text has escapes or no end.
 * Within a JSON string every quote stands behind a backslash, so `"name"` and a colon is always a field's name.
 */
export function takeText(document: Buffer, name: string): Buffer | undefined {
  const start = startOfText(document, Buffer.from(`"${name}"`));
  if (start === undefined) return undefined;
  const end = document.indexOf(quote, start);
  if (end < 0 || !isPlainText(document.subarray(start, end))) return undefined;
  const taken = copy(document.subarray(start, end));
  wipe(document.subarray(start, end));
  document.fill("x", start, end);
  return taken;
}

function startOfText(document: Buffer, name: Buffer): number | undefined {
  for (let found = document.indexOf(name); found >= 0; found = document.indexOf(name, found + 1)) {
    const colon = skipSpace(document, found + name.length);
    if (document[colon] !== 0x3a) continue;
    const start = skipSpace(document, colon + 1);
    return document[start] === quote ? start + 1 : undefined;
  }
  return undefined;
}

function skipSpace(document: Buffer, from: number): number {
  let at = from;
  while (document[at] === 0x20 || document[at] === 0x0a || document[at] === 0x0d || document[at] === 0x09) at++;
  return at;
}
