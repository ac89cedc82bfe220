// Judges an envelope by the configuration alone: the envelope proposes, the configuration decides.

import type { Configuration } from "../config/configuration.ts";
import { refused, suite } from "../envelope/index.ts";
import type { BranchHeader, EnvelopeRecipient } from "../envelope/index.ts";
import { listedName } from "./keyring.ts";
import type { Key, Listed, Slot } from "./keyring.ts";

/** Which realms count: part of a Configuration. */
export type Realms = Pick<Configuration, "realm" | "acceptRealms">;

/** A recipient of an envelope that the configuration lists. */
export interface JudgedRecipient {
  /** Its index in the envelope. */
  readonly index: number;
  readonly listed: Listed;
}

/** What the configuration says of an envelope. */
export interface Judgement {
  /** Whom to ask, in the configuration's order. */
  readonly recipients: readonly JudgedRecipient[];
  /** Recipients of the configuration whose ids are not known yet, and which the envelope may mean. */
  readonly unknown: readonly Slot[];
}

/**
 * Judges an envelope, before any provider is called. Throws ENVELOPE_REFUSED when its realm, key name, suite or
 * threshold is not the configuration's, or when too few of its recipients are listed and none may still turn out to be.
 */
export function judge(key: Key, envelope: BranchHeader, realms: Realms): Judgement {
  const { name, formerNames, unwrapNeeds } = key.configuration;
  if (envelope.realm !== realms.realm && !realms.acceptRealms.includes(envelope.realm)) throw refused("realm");
  if (envelope.key !== name && !formerNames.includes(envelope.key)) throw refused("key name");
  if (envelope.suite !== suite) throw refused("suite");
  if (envelope.threshold < unwrapNeeds) throw refused("threshold");
  const judgement = { recipients: listedRecipients(key, envelope), unknown: unknownSlots(key, envelope) };
  const most = judgement.recipients.length + Math.min(judgement.unknown.length, strangersIn(key, envelope).length);
  if (most < envelope.threshold) throw refused("recipients");
  return judgement;
}

/** The configuration's entry for a recipient of an envelope. */
export function listedOf(key: Key, recipient: EnvelopeRecipient): Listed | undefined {
  return key.listed.get(listedName(recipient.kind, recipient.masterKeyId));
}

/** Whether the envelope is not what the key writes today. */
export function isOutdated(key: Key, envelope: BranchHeader, realms: Realms): boolean {
  const { name, unwrapNeeds } = key.configuration;
  if (envelope.realm !== realms.realm || envelope.key !== name || envelope.threshold !== unwrapNeeds) return true;
  const writes = key.slots.filter(({ unwrapOnly }) => !unwrapOnly);
  const known = writes.filter(({ masterKey }) => masterKey !== undefined);
  const today = new Set(known.map(({ provider, masterKey }) => listedName(provider.kind.number, masterKey!.id)));
  const names = new Set(envelope.recipients.map((recipient) => listedName(recipient.kind, recipient.masterKeyId)));
  if (names.size !== today.size + writes.length - known.length) return true;
  return !today.isSubsetOf(names);
}

/** An envelope's recipients that the configuration lists, in the configuration's order. */
export function listedRecipients(key: Key, envelope: BranchHeader): readonly JudgedRecipient[] {
  return envelope.recipients
    .map((recipient, index) => ({ index, listed: listedOf(key, recipient) }))
    .filter((judged): judged is JudgedRecipient => judged.listed !== undefined)
    .sort((one, other) => one.listed.rank - other.listed.rank);
}

function strangersIn(key: Key, envelope: BranchHeader): readonly EnvelopeRecipient[] {
  return envelope.recipients.filter((recipient) => !listedOf(key, recipient));
}

function unknownSlots(key: Key, envelope: BranchHeader): readonly Slot[] {
  const kinds = new Set(strangersIn(key, envelope).map((recipient) => recipient.kind));
  return key.slots.filter((slot) => slot.masterKey === undefined && kinds.has(slot.provider.kind.number));
}
