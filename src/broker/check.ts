// Checks an envelope without letting its key out, as an unwrap would go; check-deep.ts asks every recipient.

import { timingSafeEqual } from "node:crypto";
import { open, refused } from "../envelope/index.ts";
import type { Envelope } from "../envelope/index.ts";
import { isBrokerError } from "../errors/index.ts";
import { wipe } from "../secret/index.ts";
import type { CheckAnswer, RecipientAnswer, Scope } from "./broker.ts";
import { listedOf } from "./judge.ts";
import type { Key } from "./keyring.ts";
import { openingKey } from "./opening.ts";
import type { OpeningSetting } from "./opening.ts";
import type { OpeningKey } from "./unwrap-cache.ts";

/** Checks through the cache, as `unwrap` would go. An outage is thrown; a refusal is answered. */
export async function check(
  key: Key,
  setting: OpeningSetting,
  envelope: Envelope,
  contextHash: Uint8Array,
  scope: Scope,
): Promise<CheckAnswer> {
  try {
    const opening = await openingKey(key, setting, envelope, scope);
    proveOpens(envelope, opening, contextHash);
    const { version, rewrapDue } = opening;
    return { matches: true, trusted: isTrusted(key, envelope), version, reason: undefined, rewrapDue, recipients: [] };
  } catch (error) {
    return refusal(error, key, envelope, []);
  }
}

/** Throws ENVELOPE_REFUSED when the envelope, the key and the context do not belong together. */
export function proveOpens(envelope: Envelope, { sealKey }: OpeningKey, expected: Uint8Array): void {
  const { dataKey, contextHash } = open(envelope, sealKey);
  wipe(dataKey);
  if (expected.length !== contextHash.length || !timingSafeEqual(expected, contextHash)) throw refused("context");
}

/** Whether the configuration lists every recipient. */
export function isTrusted(key: Key, envelope: Envelope): boolean {
  return envelope.recipients.every((recipient) => listedOf(key, recipient) !== undefined);
}

/** What a refusal answers; anything else is thrown. */
export function refusal(
  error: unknown,
  key: Key,
  envelope: Envelope,
  recipients: readonly RecipientAnswer[],
): CheckAnswer {
  if (!isBrokerError(error) || error.reason !== "ENVELOPE_REFUSED") throw error;
  const trusted = isTrusted(key, envelope);
  return { matches: false, trusted, version: "", reason: error.reason, rewrapDue: false, recipients };
}
