// Makes a branch key: random, cut into shares, each wrapped for a recipient and proven by unwrapping it again.

import { deriveKeys, encodeBranchHeader, limits, split, suite } from "../envelope/index.ts";
import type { EnvelopeRecipient } from "../envelope/index.ts";
import { BrokerError } from "../errors/index.ts";
import type { Binding } from "../provider/index.ts";
import { randomBytes, wipe } from "../secret/index.ts";
import type { MadeBranch } from "./branch-keys.ts";
import { asProviderFailure, heaviest } from "./failures.ts";
import { listedName, resolve } from "./keyring.ts";
import type { Key, Slot } from "./keyring.ts";
import { probeOnce, proveFor, shareBinding, wrapFor } from "./recipients.ts";
import type { Asked } from "./recipients.ts";

/** What a recipient made of its share. */
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
 * another branch key, since each share is bound to how many there are. Providers that keep failing are not waited for
 * where the others are enough. Throws the heaviest failure when too few took it.
 */
export async function makeBranch(key: Key, realm: string): Promise<NewBranch> {
  const failures: BrokerError[] = [];
  const resolved = await settle(worthAsking(key, failures), failures, (slot) => listedOf(key, slot));
  let takers = unique(resolved);
  const twice = resolved.length - takers.length;
  for (;;) {
    if (takers.length < Math.max(1, key.configuration.wrapNeeds)) throw tooFew(key, takers.length, failures);
    const made = await tryBranch(key, realm, takers, failures);
    const missing = key.configuration.wrapTo.length - twice - takers.length;
    if ("branch" in made) return { ...made.branch, missing };
    takers = made.able;
  }
}

/** The slots to wrap for, without those whose providers keep failing while the others are enough. */
function worthAsking(key: Key, failures: BrokerError[]): readonly Slot[] {
  const slots = key.slots.filter(({ unwrapOnly }) => !unwrapOnly);
  const [alone, ready] = [true, false].map((is) => slots.filter(({ provider }) => provider.guard.leftAlone === is));
  if (ready!.length < Math.max(1, key.configuration.wrapNeeds)) return slots;
  failures.push(...alone!.flatMap(({ provider }) => provider.guard.status().outage ?? []));
  return ready!;
}

type Tried = { readonly branch: Omit<NewBranch, "missing"> } | { readonly able: readonly Asked[] };

async function tryBranch(key: Key, realm: string, takers: readonly Asked[], failures: BrokerError[]): Promise<Tried> {
  const { name, unwrapNeeds, verifyWrap } = key.configuration;
  const branchKey = randomBytes(limits.branchKeyBytes);
  const shares = split(branchKey, unwrapNeeds, takers.length);
  const facts = { suite, realm, key: name, branchId: randomBytes(limits.branchIdBytes), threshold: unwrapNeeds };
  try {
    const taken = await settle(takers.entries(), failures, ([index, asked]) =>
      take(asked, shares[index]!, shareBinding(facts, index, takers.length), verifyWrap),
    );
    if (taken.length < takers.length) return { able: takers.filter((asked) => taken.some(isFor(asked))) };
    const h0 = encodeBranchHeader({ ...facts, recipients: taken.map(({ recipient }) => recipient) });
    const recipients = takers.map(nameOf);
    const provenVersion = provenBy(taken.slice(0, unwrapNeeds));
    return { branch: { sealing: { h0, ...deriveKeys(branchKey, h0) }, recipients, provenVersion } };
  } finally {
    wipe(branchKey, ...shares);
  }
}

/** As many versions as it takes to open. */
function provenBy(taken: readonly Taken[]): string | undefined {
  const versions = taken.flatMap(({ provenVersion }) => provenVersion ?? []);
  return versions.length < taken.length ? undefined : [...new Set(versions)].join(", ");
}

function isFor({ provider, masterKey }: Asked) {
  return ({ recipient }: Taken) => recipient.kind === provider.kind.number && recipient.masterKeyId === masterKey.id;
}

/** A master key that no probe has found good is not asked to wrap, unless nothing is proven for this key at all. */
async function take(asked: Asked, share: Uint8Array, binding: Binding, verifyWrap: boolean): Promise<Taken> {
  if (verifyWrap) await probeOnce(asked);
  const recipient = await wrapFor(asked, share, binding);
  return { recipient, provenVersion: verifyWrap ? await proveFor(asked, recipient, share, binding) : undefined };
}

async function listedOf(key: Key, slot: Slot): Promise<Asked> {
  return { provider: slot.provider, masterKey: await resolve(key, slot) };
}

/** Two entries that turn out to name one master key are one recipient. */
function unique(takers: readonly Asked[]): readonly Asked[] {
  return [...new Map(takers.map((one) => [nameOf(one), one])).values()];
}

function nameOf({ provider, masterKey }: Asked): string {
  return listedName(provider.kind.number, masterKey.id);
}

/** Awaits all: what succeeded is answered in order, what failed goes to `failures`. */
async function settle<T, R>(all: Iterable<T>, failures: BrokerError[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results = await Promise.allSettled(Array.from(all, work));
  for (const result of results) {
    if (result.status === "rejected") failures.push(asMakingFailure(result.reason));
  }
  return results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
}

/** With one recipient, its failure says it all. */
function tooFew({ configuration }: Key, takers: number, failures: readonly BrokerError[]): BrokerError {
  const { name, wrapNeeds, wrapTo } = configuration;
  const worst = heaviest(failures);
  const counted = `key ${name}: ${takers} of the ${wrapNeeds} recipients that wrapNeeds asks for can take a new branch key`;
  if (!worst) return new BrokerError("INTERNAL", `${counted}: two of wrapTo are one master key`);
  if (wrapTo.length === 1) return worst;
  const { retryAfterMs } = worst;
  const details = retryAfterMs === undefined ? { cause: worst } : { cause: worst, retryAfterMs };
  return new BrokerError(worst.reason, `${counted}: ${worst.message}`, details);
}

/** Whoever wraps gave no envelope: a backend's word of a refused one is nothing that they could act on. */
function asMakingFailure(error: unknown): BrokerError {
  const failure = asProviderFailure(error, "unknown");
  if (failure.reason !== "ENVELOPE_REFUSED") return failure;
  return new BrokerError("INTERNAL", "a provider refused to wrap a new branch key", { cause: failure });
}
