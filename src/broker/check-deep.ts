// Checks an envelope deeply: asks every recipient past all caches, and proves each one's share by itself.

import type { Envelope, EnvelopeRecipient } from "../envelope/index.ts";
import type { BrokerError } from "../errors/index.ts";
import { wipe } from "../secret/index.ts";
import type { CheckAnswer, RecipientAnswer, Scope } from "./broker.ts";
import { isTrusted, proveOpens, refusal } from "./check.ts";
import { asProviderFailure, heaviest, isOutage } from "./failures.ts";
import { isOutdated, judge, listedOf } from "./judge.ts";
import { resolve } from "./keyring.ts";
import type { Key, Slot } from "./keyring.ts";
import { putTogether } from "./open-branch.ts";
import type { OpenedShare } from "./open-branch.ts";
import type { OpeningSetting } from "./opening.ts";
import { openShare } from "./recipients.ts";
import type { OpeningKey } from "./unwrap-cache.ts";
import { within } from "./wait.ts";

/** A recipient of the envelope, asked. */
interface Asked {
  readonly recipient: EnvelopeRecipient;
  /** Empty when the configuration has no such recipient. */
  readonly provider: string;
  readonly opened: OpenedShare | undefined;
  readonly failure: BrokerError | undefined;
}

/** What was found of one recipient. */
interface Proof {
  readonly answer: RecipientAnswer;
  /** What its share opens the envelope with, together with others' where it takes more. */
  readonly opening: OpeningKey | undefined;
  readonly failure: BrokerError | undefined;
}

/** A provider that could not name its master key, and why. */
interface Unnamed {
  readonly slot: Slot;
  readonly failure: BrokerError;
}

/**
 * Asks every recipient of the envelope that the configuration lists. It matches when as many of them open it as it
 * takes; when they do not and a backend could not be asked, the outage is thrown.
 */
export async function checkDeep(
  key: Key,
  setting: OpeningSetting,
  envelope: Envelope,
  contextHash: Uint8Array,
  scope: Scope,
): Promise<CheckAnswer> {
  let proofs: readonly Proof[];
  try {
    const { unknown } = judge(key, envelope, setting.realms);
    await scope.beforeProvider();
    proofs = await within(proveAll(key, envelope, unknown, contextHash), scope);
  } catch (error) {
    return refusal(error, key, envelope, envelope.recipients.map(unlisted));
  }
  const opened = proofs.find(({ answer, opening }) => answer.matches && opening)?.opening;
  const failure = heaviest(proofs.flatMap((proof) => proof.failure ?? []));
  if (!opened && isOutage(failure)) throw failure;
  const isDue = () => proofs.some(({ opening }) => opening?.rewrapDue) || isOutdated(key, envelope, setting.realms);
  return {
    matches: opened !== undefined,
    trusted: isTrusted(key, envelope),
    version: opened?.version ?? "",
    reason: opened ? undefined : (failure?.reason ?? "ENVELOPE_REFUSED"),
    rewrapDue: opened !== undefined && isDue(),
    recipients: proofs.map(({ answer }) => answer),
  };
}

async function proveAll(
  key: Key,
  envelope: Envelope,
  unknown: readonly Slot[],
  contextHash: Uint8Array,
): Promise<readonly Proof[]> {
  const unnamed = await name(key, unknown);
  const asked = await Promise.all(envelope.recipients.map((_, index) => ask(key, envelope, index, unnamed)));
  const shares = asked.flatMap(({ opened }) => opened ?? []);
  try {
    return asked.map((one) => prove(one, shares, envelope, contextHash));
  } finally {
    for (const { share } of shares) wipe(share);
  }
}

async function name(key: Key, unknown: readonly Slot[]): Promise<readonly Unnamed[]> {
  const results = await Promise.allSettled(unknown.map((slot) => resolve(key, slot)));
  return results.flatMap((result, index) => {
    if (result.status === "fulfilled") return [];
    const slot = unknown[index]!;
    return [{ slot, failure: asProviderFailure(result.reason, slot.provider.guard.name) }];
  });
}

async function ask(key: Key, envelope: Envelope, index: number, unnamed: readonly Unnamed[]): Promise<Asked> {
  const recipient = envelope.recipients[index]!;
  const listed = listedOf(key, recipient);
  if (!listed) {
    const meant = unnamed.find(({ slot }) => slot.provider.kind.number === recipient.kind);
    const provider = meant?.slot.provider.guard.name ?? "";
    return { recipient, provider, opened: undefined, failure: meant?.failure };
  }
  const provider = listed.provider.guard.name;
  try {
    const opened = { ...(await openShare(listed, envelope, index)), position: index + 1 };
    return { recipient, provider, opened, failure: undefined };
  } catch (error) {
    return { recipient, provider, opened: undefined, failure: asProviderFailure(error, provider) };
  }
}

/** A share is right when it opens the envelope, with others where it takes more; too few of them prove nothing. */
function prove(asked: Asked, shares: readonly OpenedShare[], envelope: Envelope, contextHash: Uint8Array): Proof {
  const { recipient, provider, opened, failure } = asked;
  const { masterKeyId } = recipient;
  if (!opened) {
    const answer = { ...unlisted(recipient), provider, reason: failure?.reason ?? ("ENVELOPE_REFUSED" as const) };
    return { answer, opening: undefined, failure };
  }
  const opening = putTogether([...shares.filter((one) => one !== opened), opened], envelope);
  const matches = opening ? opensFor(envelope, opening, contextHash) : shares.length < envelope.threshold;
  const reason = matches ? undefined : ("ENVELOPE_REFUSED" as const);
  const version = matches ? opened.version : "";
  return { answer: { provider, masterKeyId, matches, version, reason }, opening, failure: undefined };
}

function opensFor(envelope: Envelope, opening: OpeningKey, contextHash: Uint8Array): boolean {
  try {
    proveOpens(envelope, opening, contextHash);
    return true;
  } catch {
    return false;
  }
}

function unlisted({ masterKeyId }: EnvelopeRecipient): RecipientAnswer {
  return { provider: "", masterKeyId, matches: false, version: "", reason: "ENVELOPE_REFUSED" };
}
