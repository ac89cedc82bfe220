// Makes a branch key: random, wrapped for the key's recipients, and proven by unwrapping it again.

import { deriveKeys, encodeBranchHeader, limits, suite } from "../envelope/index.ts";
import type { EnvelopeRecipient } from "../envelope/index.ts";
import { BrokerError } from "../errors/index.ts";
import { randomBytes, wipe } from "../secret/index.ts";
import type { MadeBranch } from "./branch-keys.ts";
import { asProviderFailure, heaviest } from "./failures.ts";
import { listedName, resolve } from "./keyring.ts";
import type { Key, Listed, Slot } from "./keyring.ts";
import { proveFor, shareBinding, wrapFor } from "./recipients.ts";
import type { BranchFacts } from "./recipients.ts";

/** What a recipient made of a branch key. */
interface Taken {
  readonly recipient: EnvelopeRecipient;
  /** The version that unwrapped it again; undefined when the key's configuration asks for no proof. */
  readonly provenVersion: string | undefined;
}

/** A branch key and what opens its envelopes, if that was proven. */
export interface NewBranch extends MadeBranch {
  readonly provenVersion: string | undefined;
}

/**
 * Makes a branch key for a key. Recipients that fail are left out where `wrapNeeds` allows it: the rest then get
 * another branch key, since each share is bound to how many there are. Throws the heaviest failure when too few took it.
 */
export async function makeBranch(key: Key, realm: string): Promise<NewBranch> {
  const slots = key.slots.filter(({ unwrapOnly }) => !unwrapOnly);
  const failures: BrokerError[] = [];
  let takers = unique(await settle(slots, failures, (slot) => listedOf(key, slot)));
  for (;;) {
    if (takers.length < Math.max(1, key.configuration.wrapNeeds)) throw heaviest(failures) ?? noTakers(key);
    const made = await tryBranch(key, realm, takers, failures);
    if ("branch" in made) return { ...made.branch, partial: failures.length > 0 };
    takers = made.able;
  }
}

type Tried = { readonly branch: Omit<NewBranch, "partial"> } | { readonly able: readonly Listed[] };

async function tryBranch(key: Key, realm: string, takers: readonly Listed[], failures: BrokerError[]): Promise<Tried> {
  const branchKey = randomBytes(limits.branchKeyBytes);
  const { name, unwrapNeeds, verifyWrap } = key.configuration;
  const branchId = randomBytes(limits.branchIdBytes);
  const facts: BranchFacts = { suite, realm, key: name, branchId, threshold: unwrapNeeds };
  try {
    const taken = await settle(takers.entries(), failures, ([index, listed]) => {
      return take(listed, facts, branchKey, { index, recipients: takers.length, verifyWrap });
    });
    if (taken.length < takers.length) return { able: takers.filter((listed) => taken.some(isFor(listed))) };
    const h0 = encodeBranchHeader({ ...facts, recipients: taken.map(({ recipient }) => recipient) });
    return {
      branch: {
        sealing: { h0, ...deriveKeys(branchKey, h0) },
        recipients: taken.length,
        provenVersion: taken[0]!.provenVersion,
      },
    };
  } finally {
    wipe(branchKey);
  }
}

function isFor({ provider, masterKey }: Listed) {
  return ({ recipient }: Taken) => recipient.kind === provider.kind.number && recipient.masterKeyId === masterKey.id;
}

async function take(
  listed: Listed,
  facts: BranchFacts,
  share: Uint8Array,
  { index, recipients, verifyWrap }: { index: number; recipients: number; verifyWrap: boolean },
): Promise<Taken> {
  const binding = shareBinding(facts, index, recipients);
  const recipient = await wrapFor(listed, share, binding);
  return { recipient, provenVersion: verifyWrap ? await proveFor(listed, recipient, share, binding) : undefined };
}

async function listedOf(key: Key, slot: Slot): Promise<Listed> {
  const masterKey = await resolve(key, slot);
  return { provider: slot.provider, masterKey, rank: 0 };
}

/** Two entries that turn out to name one master key are one recipient. */
function unique(takers: readonly Listed[]): readonly Listed[] {
  const byName = new Map(takers.map((one) => [listedName(one.provider.kind.number, one.masterKey.id), one]));
  return [...byName.values()];
}

/** Awaits all: what succeeded is answered in order, what failed goes to `failures`. */
async function settle<T, R>(all: Iterable<T>, failures: BrokerError[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results = await Promise.allSettled(Array.from(all, work));
  for (const result of results) {
    if (result.status === "rejected") failures.push(asMakingFailure(result.reason));
  }
  return results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
}

function noTakers(key: Key): BrokerError {
  return new BrokerError("INTERNAL", `key ${key.configuration.name} has no recipient to wrap for`);
}

/** Whoever wraps gave no envelope: a backend's word of a refused one is nothing that they could act on. */
function asMakingFailure(error: unknown): BrokerError {
  const failure = asProviderFailure(error, "unknown");
  if (failure.reason !== "ENVELOPE_REFUSED") return failure;
  return new BrokerError("INTERNAL", "a provider refused to wrap a new branch key", { cause: failure });
}
