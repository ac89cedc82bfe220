// Wrapping: finds or makes a branch key that may seal, and seals under it.

import { seal } from "../envelope/index.ts";
import type { Scope, Soon } from "./broker.ts";
import { allowsGrace } from "./branch-keys.ts";
import type { MadeBranch, Reserved } from "./branch-keys.ts";
import { asProviderFailure } from "./failures.ts";
import type { Key } from "./keyring.ts";
import { makeBranch } from "./make-branch.ts";
import type { NewBranch } from "./make-branch.ts";
import type { BrokerObserver } from "./observer.ts";
import { within } from "./wait.ts";

/** What sealing needs beside the key. */
export interface SealingSetting {
  readonly realm: string;
  readonly observer: BrokerObserver;
}

/** Seals a data key: at once under a branch key that is fit, else under a new one. The caller still owns `dataKey`. */
export function wrap(
  key: Key,
  setting: SealingSetting,
  dataKey: Uint8Array,
  contextHash: Uint8Array,
  scope: Scope,
): Soon<Uint8Array> {
  const branch = key.state.branches.reserve(performance.now());
  if (branch) return sealUnder(branch, key, setting, dataKey, contextHash);
  return reserve(key, setting, scope).then((made) => sealUnder(made, key, setting, dataKey, contextHash));
}

function sealUnder(
  { sealing, missing }: Reserved,
  key: Key,
  setting: SealingSetting,
  dataKey: Uint8Array,
  contextHash: Uint8Array,
): Uint8Array {
  if (missing > 0) noteShort(key, setting);
  return seal(sealing, dataKey, contextHash);
}

/** An envelope for fewer recipients than it should have is counted, and brings a try for all of them behind it. */
function noteShort(key: Key, setting: SealingSetting): void {
  setting.observer.sealedShort(key.configuration.name);
  const { branches } = key.state;
  if (branches.mayComplete(performance.now())) void branches.renew(() => make(key, setting));
}

/** Makes a branch key in the background. Resolves when that is over, whether it succeeded or not. */
export async function renew(key: Key, setting: SealingSetting): Promise<void> {
  await key.state.branches.renew(() => make(key, setting));
}

async function reserve(key: Key, setting: SealingSetting, scope: Scope): Promise<Reserved> {
  await scope.beforeProvider();
  const { branches } = key.state;
  const made = () => make(key, setting);
  const known = reserveKnown(key, made);
  if (known) return known;
  try {
    return await within(branches.reserveNew(made), scope);
  } catch (error) {
    const old = allowsGrace(error) && !scope.signal().aborted ? branches.reserveInGrace(performance.now()) : undefined;
    if (!old) throw error;
    return old;
  }
}

/** While making fails, the old branch key serves at once where grace allows it, and a new one is tried behind it. */
function reserveKnown({ state: { branches } }: Key, made: () => Promise<MadeBranch>): Reserved | undefined {
  const nowMs = performance.now();
  const live = branches.reserve(nowMs);
  const failure = branches.failure();
  if (live || !failure || !allowsGrace(failure)) return live;
  const old = branches.reserveInGrace(nowMs);
  if (old && branches.mayMake(nowMs)) void branches.renew(made);
  return old;
}

async function make(key: Key, { realm, observer }: SealingSetting): Promise<MadeBranch> {
  const { name } = key.configuration;
  const startedAtMs = performance.now();
  try {
    const keep = (made: NewBranch) => keepProven(key, made, startedAtMs);
    const made = await key.state.loads.alone(() => makeBranch(key, realm), keep);
    observer.branchKey(name, made.missing > 0 ? "partial" : "made", undefined);
    return made;
  } catch (error) {
    const failure = asProviderFailure(error, "unknown");
    observer.branchKey(name, failure.reason, failure);
    throw failure;
  }
}

/** The proof was an unwrap: what it opened may serve unwraps as if it had been loaded by one. */
function keepProven(key: Key, { sealing, provenVersion }: NewBranch, loadedAtMs: number): void {
  if (provenVersion === undefined) return;
  const { h0, commitment, sealKey } = sealing;
  const branchHeader = new Uint8Array(h0.length + commitment.length);
  branchHeader.set(h0);
  branchHeader.set(commitment, h0.length);
  key.state.cache.keep(branchHeader, { sealKey, version: provenVersion, rewrapDue: false }, loadedAtMs);
}
