// The text form of envelopes: one line for files, variables and mails.

import { BrokerError } from "../errors/index.ts";
import { unreadable } from "./refusal.ts";

const prefix = "kb1.";
const whiteSpace = "an envelope's text form has no white space: give one line without spaces and without its line end";

/** The text form: `kb1.` and the envelope in base64url without padding. */
export function toText(envelope: Uint8Array): string {
  return prefix + viewOf(envelope).toString("base64url");
}

/**
 * The bytes of a text form. Exactly one text stands for each envelope. They are not decoded yet.
 *
 * @throws BrokerError ENVELOPE_REFUSED when the prefix is missing, there is white space (a line end too: cut it off
 * before), or the rest is not canonical base64url.
 */
export function fromText(text: string): Buffer {
  if (/\s/.test(text)) throw new BrokerError("ENVELOPE_REFUSED", whiteSpace);
  if (!text.startsWith(prefix)) throw unreadable("text form: prefix");
  const body = text.slice(prefix.length);
  const bytes = Buffer.from(body, "base64url");
  // Node's decoder skips what it does not know and ignores left-over bits.
  if (body === "" || bytes.toString("base64url") !== body) throw unreadable("text form: base64url");
  return bytes;
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
