// Reads an envelope: every limit is checked before a field is used, and nothing is copied.

import { isUtf8 } from "node:buffer";
import { findHeader, keepHeader } from "./known-headers.ts";
import type { KnownHeader } from "./known-headers.ts";
import { limits, magic, sealOverheadBytes, sealPrefixBytes, suite } from "./limits.ts";
import { isKeyName, isRealm } from "./names.ts";
import { unreadable } from "./refusal.ts";
import type { Envelope, EnvelopeRecipient } from "./types.ts";

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/**
 * Decodes an envelope; nothing is proven by it. Byte fields are views of the input, or of an equal header that was
 * decoded before; text takes at most twice its bytes, and a length is believed only where the input holds as many bytes.
 *
 * @throws BrokerError ENVELOPE_REFUSED for anything but exactly one well-formed envelope, and nothing else.
 */
export function decode(bytes: Uint8Array): Envelope {
  const input = viewOf(bytes);
  const known = findHeader(input);
  if (known) return envelopeOf(known, { bytes: input, at: known.branchHeader.length });
  const cursor = { bytes: input, at: 0 };
  const header = readHeader(cursor);
  const envelope = envelopeOf(header, cursor);
  keepHeader(header, input);
  return envelope;
}

/** Rows 1–15. */
function readHeader(cursor: Cursor): KnownHeader {
  checkMagic(cursor);
  const threshold = byte(cursor);
  const count = byte(cursor);
  if (count < 1 || count > limits.maxRecipients) throw unreadable("row 5: recipients");
  if (threshold < 1 || threshold > count) throw unreadable("row 4: threshold");
  const branchId = take(cursor, limits.branchIdBytes);
  const realm = name(cursor, isRealm, "row 7: realm");
  const key = name(cursor, isKeyName, "row 8: key");
  const recipients: EnvelopeRecipient[] = [];
  while (recipients.length < count) recipients.push(recipient(cursor));
  const h0 = cursor.bytes.subarray(0, cursor.at);
  const commitment = take(cursor, limits.commitmentBytes);
  const branchHeader = cursor.bytes.subarray(0, cursor.at);
  return { suite, threshold, branchId, realm, key, recipients, h0, commitment, branchHeader };
}

/** A Buffer over the same memory: Buffer's methods, no copy. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function checkMagic(cursor: Cursor): void {
  for (const expected of magic) if (byte(cursor) !== expected) throw unreadable("rows 1–2: magic and format");
  if (byte(cursor) !== suite) throw unreadable("row 3: suite");
}

/** Rows 10–14. */
function recipient(cursor: Cursor): EnvelopeRecipient {
  const kind = byte(cursor);
  const scheme = byte(cursor);
  const masterKeyId = text(cursor, short(cursor), "row 12: master-key id");
  if (masterKeyId === "") throw unreadable("row 12: master-key id");
  const version = text(cursor, byte(cursor), "row 13: version");
  const wrappedBytes = short(cursor);
  if (wrappedBytes < 1 || wrappedBytes > limits.maxWrappedBytes) throw unreadable("row 14: wrapped blob");
  return { kind, scheme, masterKeyId, version, wrapped: take(cursor, wrappedBytes) };
}

/** Rows 16–18, which end with the input. A literal of one shape: this runs for every call. */
function envelopeOf(header: KnownHeader, cursor: Cursor): Envelope {
  const { suite, threshold, branchId, realm, key, recipients, h0, commitment, branchHeader } = header;
  const { bytes } = cursor;
  const nonce = take(cursor, sealPrefixBytes).subarray(0, limits.nonceBytes);
  const sealedBytes = bytes.readUInt32BE(cursor.at - 4);
  const associatedData = bytes.subarray(0, cursor.at);
  if (sealedBytes !== bytes.length - cursor.at) throw unreadable("row 17: length of the sealed part");
  const dataKeyLength = sealedBytes - sealOverheadBytes;
  if (dataKeyLength < 1 || dataKeyLength > limits.maxDataKeyBytes) throw unreadable("row 18: data key");
  const sealed = take(cursor, sealedBytes);
  return {
    suite,
    threshold,
    branchId,
    realm,
    key,
    recipients,
    h0,
    commitment,
    branchHeader,
    associatedData,
    nonce,
    sealed,
    dataKeyLength,
  };
}

/** Moves over a range that is there, and answers where it began. */
function advance(cursor: Cursor, length: number): number {
  const start = cursor.at;
  if (length > cursor.bytes.length - start) throw unreadable("cut short");
  cursor.at = start + length;
  return start;
}

function byte(cursor: Cursor): number {
  return cursor.bytes[advance(cursor, 1)]!;
}

function short(cursor: Cursor): number {
  return cursor.bytes.readUInt16BE(advance(cursor, 2));
}

function take(cursor: Cursor, length: number): Buffer {
  const start = advance(cursor, length);
  return cursor.bytes.subarray(start, cursor.at);
}

/** A length byte and a name. Bytes that are not ASCII become characters that no grammar admits. */
function name(cursor: Cursor, isName: (name: string) => boolean, fault: string): string {
  const start = advance(cursor, byte(cursor));
  const found = cursor.bytes.toString("latin1", start, cursor.at);
  if (!isName(found)) throw unreadable(fault);
  return found;
}

/** Strict UTF-8: a decoder that replaces or drops bytes would give two envelopes one master-key id. */
function text(cursor: Cursor, length: number, fault: string): string {
  const start = advance(cursor, length);
  if (!isUtf8(cursor.bytes.subarray(start, cursor.at))) throw unreadable(fault);
  return cursor.bytes.toString("utf8", start, cursor.at);
}
