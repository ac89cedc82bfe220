// The context: its rules, and the hash that stands for it in envelopes.

import { hash } from "node:crypto";
import { BrokerError } from "../errors/index.ts";
import { limits } from "./limits.ts";
import type { Context } from "./types.ts";

const namePattern = /^[a-z0-9][a-z0-9._/-]{0,63}$/;
const prefix = "keybroker context v1";
const pairsAt = prefix.length + 2;

// One buffer for all calls: it is filled and hashed within one synchronous call. A pair is measured after it was
// written, and a value of 1,024 UTF-16 units takes at most three times as many bytes: hence the room at the end.
const longestPairBytes = 4 + limits.maxContextNameBytes + 3 * limits.maxContextValueBytes;
const scratch = Buffer.alloc(pairsAt + 4 * limits.maxContextPairs + limits.maxContextBytes + longestPairBytes);
scratch.write(prefix, "latin1");

/** The last preimage and its hash: a restore repeats one context thousands of times. A context is not secret. */
const last = { preimage: Buffer.alloc(0), hash: Buffer.alloc(0) };

/**
 * Checks a context and hashes it: SHA-256 over a byte form that no two contexts share. An empty context is one too.
 *
 * @returns 32 bytes, which nobody may change: equal contexts in a row get the same buffer.
 * @throws BrokerError REQUEST_INVALID, with the rule and the pair's name, never its value.
 */
export function contextHash(context: Context): Buffer {
  const length = writePreimage(context);
  const { preimage } = last;
  if (length === preimage.length && scratch.compare(preimage, 0, length, 0, length) === 0) return last.hash;
  last.preimage = Buffer.from(scratch.subarray(0, length));
  last.hash = hash("sha256", last.preimage, "buffer");
  return last.hash;
}

/** The bytes that `contextHash` hashes, for tests of their form. */
export function contextPreimage(context: Context): Buffer {
  return Buffer.from(scratch.subarray(0, writePreimage(context)));
}

/** Writes the byte form into the scratch buffer and answers its length. */
function writePreimage(context: Context): number {
  const names = Object.keys(context);
  if (names.length > limits.maxContextPairs) throw invalid(`it has more than ${limits.maxContextPairs} pairs`);
  names.forEach(checkName);
  // The format sorts by bytes, JavaScript by UTF-16 units: the same for ASCII, which names are by now. Values are
  // not sorted.
  insertionSort(names);
  scratch.writeUInt16BE(names.length, prefix.length);
  const limit = pairsAt + 4 * names.length + limits.maxContextBytes;
  let at = pairsAt;
  for (const name of names) {
    at = writePair(at, name, context[name]);
    if (at > limit) throw tooLong();
  }
  return at;
}

/** In place, for the few names of a context: Array's own sort allocates. */
function insertionSort(names: string[]): void {
  for (let end = 1; end < names.length; end++) {
    const name = names[end]!;
    let at = end;
    for (; at > 0 && names[at - 1]! > name; at--) names[at] = names[at - 1]!;
    names[at] = name;
  }
}

function checkName(name: string): void {
  if (namePattern.test(name)) return;
  throw invalid(
    `the name ${quote(name)} is not 1 to ${limits.maxContextNameBytes} of a-z 0-9 . _ / -, beginning with a letter or digit`,
  );
}

/** Writes one pair and answers where the next begins. */
function writePair(at: number, name: string, value: unknown): number {
  if (typeof value !== "string") throw invalid(`the value of ${quote(name)} is not text`);
  if (!value.isWellFormed()) throw invalid(`the value of ${quote(name)} is not well-formed Unicode`);
  const valueAt = writeText(at, name);
  if (value.length > limits.maxContextValueBytes) throw valueTooLong(name);
  const end = writeText(valueAt, value);
  if (end - valueAt - 2 > limits.maxContextValueBytes) throw valueTooLong(name);
  return end;
}

/** Writes a length and the text's UTF-8. */
function writeText(at: number, text: string): number {
  const length = scratch.write(text, at + 2);
  scratch.writeUInt16BE(length, at);
  return at + 2 + length;
}

function valueTooLong(name: string): BrokerError {
  return invalid(`the value of ${quote(name)} is longer than ${limits.maxContextValueBytes} bytes`);
}

function tooLong(): BrokerError {
  return invalid(`its names and values take more than ${limits.maxContextBytes} bytes together`);
}

function invalid(rule: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", `the context is not valid: ${rule}`);
}

/** A name as it may stand in a message: escaped, and no longer than a good one. */
function quote(name: string): string {
  return JSON.stringify(name.slice(0, limits.maxContextNameBytes));
}
