// Checks an envelope without letting its key out; deeply, by asking every recipient past all caches.

import { open, refused } from "../envelope/index.ts";
import type { Envelope } from "../envelope/index.ts";
import { timingSafeEqual } from "node:crypto";
import type { BrokerError } from "../errors/index.ts";
import { isBrokerError } from "../errors/index.ts";
import { wipe } from "../secret/index.ts";
import type { CheckAnswer, RecipientAnswer, Scope } from "./broker.ts";
import { asProviderFailure, heaviest, isOutage } from "./failures.ts";
import { isOutdated, judge, listedOf } from "./judge.ts";
import type { Key } from "./keyring.ts";
import { learn, openingKey } from "./opening.ts";
import type { OpeningSetting } from "./opening.ts";
import { openThrough } from "./recipients.ts";
import type { OpeningKey } from "./unwrap-cache.ts";
import { within } from "./wait.ts";

/** What was found of one recipient, and how it failed. */
interface Proof {
  readonly answer: RecipientAnswer;
  readonly rewrapDue: boolean;
  readonly failure: BrokerError | undefined;
}

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

/**
 * Asks every recipient of the envelope that the configuration lists. It matches when any of them opens it; when none
 * does and a backend could not be asked, the outage is thrown.
 */
export async function checkDeep(
  key: Key,
  setting: OpeningSetting,
  envelope: Envelope,
  contextHash: Uint8Array,
  scope: Scope,
): Promise<CheckAnswer> {
  try {
    const { unknown } = judge(key, envelope, setting.realms);
    await scope.beforeProvider();
    const failures: BrokerError[] = [];
    await within(learn(key, unknown, failures), scope);
    if (failures.length > 0) throw heaviest(failures)!;
  } catch (error) {
    return refusal(error, key, envelope, envelope.recipients.map(unlisted));
  }
  const asked = envelope.recipients.map((_, index) => prove(key, envelope, index, contextHash));
  const proofs = await within(Promise.all(asked), scope);
  const opened = proofs.find(({ answer }) => answer.matches);
  const failure = heaviest(proofs.flatMap((proof) => proof.failure ?? []));
  if (!opened && isOutage(failure)) throw failure!;
  return {
    matches: opened !== undefined,
    trusted: isTrusted(key, envelope),
    version: opened?.answer.version ?? "",
    reason: opened ? undefined : (failure?.reason ?? "ENVELOPE_REFUSED"),
    rewrapDue: opened !== undefined && (opened.rewrapDue || isOutdated(key, envelope, setting.realms)),
    recipients: proofs.map(({ answer }) => answer),
  };
}

async function prove(key: Key, envelope: Envelope, index: number, contextHash: Uint8Array): Promise<Proof> {
  const recipient = envelope.recipients[index]!;
  const listed = listedOf(key, recipient);
  if (!listed) return { answer: unlisted(recipient), rewrapDue: false, failure: undefined };
  const found = { provider: listed.provider.guard.name, masterKeyId: recipient.masterKeyId };
  try {
    const opening = await openThrough({ index, listed }, envelope);
    proveOpens(envelope, opening, contextHash);
    const { version, rewrapDue } = opening;
    return { answer: { ...found, matches: true, version, reason: undefined }, rewrapDue, failure: undefined };
  } catch (error) {
    const failure = asProviderFailure(error, found.provider);
    const answer = { ...found, matches: false, version: "", reason: failure.reason };
    return { answer, rewrapDue: false, failure };
  }
}

/** Throws ENVELOPE_REFUSED when the envelope, the key and the context do not belong together. */
function proveOpens(envelope: Envelope, { sealKey }: OpeningKey, expected: Uint8Array): void {
  const { dataKey, contextHash } = open(envelope, sealKey);
  wipe(dataKey);
  if (expected.length !== contextHash.length || !timingSafeEqual(expected, contextHash)) throw refused("context");
}

function isTrusted(key: Key, envelope: Envelope): boolean {
  return envelope.recipients.every((recipient) => listedOf(key, recipient) !== undefined);
}

function unlisted({ masterKeyId }: Envelope["recipients"][number]): RecipientAnswer {
  return { provider: "", masterKeyId, matches: false, version: "", reason: "ENVELOPE_REFUSED" };
}

function refusal(error: unknown, key: Key, envelope: Envelope, recipients: readonly RecipientAnswer[]): CheckAnswer {
  if (!isBrokerError(error) || error.reason !== "ENVELOPE_REFUSED") throw error;
  const trusted = isTrusted(key, envelope);
  return { matches: false, trusted, version: "", reason: error.reason, rewrapDue: false, recipients };
}
