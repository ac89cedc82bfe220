// Opens an envelope's branch key: asks its recipients in order, and puts together what as many as it takes give.

import { combine, commitmentEquals, deriveKeys, refused } from "../envelope/index.ts";
import type { BrokerError } from "../errors/index.ts";
import { wipe } from "../secret/index.ts";
import { gather } from "./gather.ts";
import { listedRecipients } from "./judge.ts";
import type { JudgedRecipient, Judgement } from "./judge.ts";
import { resolve } from "./keyring.ts";
import type { Key, Slot } from "./keyring.ts";
import { openShare } from "./recipients.ts";
import type { Branch, Share } from "./recipients.ts";
import type { OpeningKey } from "./unwrap-cache.ts";

/** A share and its position in the envelope, from 1. */
export interface OpenedShare extends Share {
  readonly position: number;
}

/**
 * Opens a branch key through as many recipients as its threshold says, which are asked at once; another one after each
 * error, denial or `unwrapDelay`. Providers that keep failing come last; those that could not yet name their master
 * keys come after those that could. Throws the heaviest failure, or ENVELOPE_REFUSED when what came back is not what
 * the envelope commits to.
 */
export async function openBranch(key: Key, branch: Branch, { recipients, unknown }: Judgement): Promise<OpeningKey> {
  const taken = new Set<number>();
  const known = recipients.map((recipient) => ({
    provider: recipient.listed.provider,
    ask: () => openPosition(recipient, branch, taken),
  }));
  const others = unknown.map((slot) => ({ provider: slot.provider, ask: () => openUnknown(key, slot, branch, taken) }));
  const inOrder = [...known, ...others]
    .map(({ provider, ask }) => ({ ask, last: provider.guard.leftAlone }))
    .sort((one, other) => Number(one.last) - Number(other.last));
  const patience = { needs: branch.threshold, delayMs: key.configuration.unwrapDelayMs };
  try {
    const asks = inOrder.map(({ ask }) => ask);
    return await gather(asks, patience, { accept: (shares) => putTogether(shares, branch), discard: wipeShare });
  } catch (error) {
    throw told(error as BrokerError);
  }
}

/**
 * What opens the branch key, if the newest share and others of these give it: any that many, since one recipient may
 * have given a share that is bound rightly and still wrong. Undefined when none do.
 */
export function putTogether(shares: readonly OpenedShare[], branch: Branch): OpeningKey | undefined {
  const newest = shares.at(-1)!;
  for (const others of choose(shares.slice(0, -1), branch.threshold - 1)) {
    const chosen = [...others, newest];
    const keys = derive(chosen, branch);
    if (!keys) continue;
    const versions = new Set(chosen.map(({ version }) => version));
    return { sealKey: keys.sealKey, version: [...versions].join(", "), rewrapDue: chosen.some((one) => one.rewrapDue) };
  }
  return undefined;
}

function derive(chosen: readonly OpenedShare[], branch: Branch): ReturnType<typeof deriveKeys> | undefined {
  const secret = combine(chosen);
  try {
    const keys = deriveKeys(secret, branch.h0);
    return commitmentEquals(keys.commitment, branch.commitment) ? keys : undefined;
  } finally {
    wipe(secret);
  }
}

/** Every choice of so many, in order: at most 35 of the seven that can stand beside the newest. */
function* choose<T>(from: readonly T[], count: number): Generator<readonly T[]> {
  if (count === 0) yield [];
  if (count === 0) return;
  for (const [index, first] of from.entries()) {
    for (const rest of choose(from.slice(index + 1), count - 1)) yield [first, ...rest];
  }
}

async function openPosition(
  { index, listed }: JudgedRecipient,
  branch: Branch,
  taken: Set<number>,
): Promise<OpenedShare> {
  if (taken.has(index)) throw refused("recipients");
  taken.add(index);
  return { ...(await openShare(listed, branch, index)), position: index + 1 };
}

/** Asks the provider for the master key that it could not name before, and for its share if the envelope has one. */
async function openUnknown(key: Key, slot: Slot, branch: Branch, taken: Set<number>): Promise<OpenedShare> {
  const masterKey = await resolve(key, slot);
  const own = new Set([masterKey, ...(masterKey.unwrapOnly ?? [])].map(({ id }) => id));
  const found = listedRecipients(key, branch).find(
    ({ index, listed }) => !taken.has(index) && listed.provider === slot.provider && own.has(listed.masterKey.id),
  );
  if (!found) throw refused("recipients");
  return await openPosition(found, branch, taken);
}

function wipeShare({ share }: OpenedShare): void {
  wipe(share);
}

/** A backend's refusal, in the words that all refusals share. */
function told(failure: BrokerError): BrokerError {
  return failure.reason === "ENVELOPE_REFUSED" ? refused(failure.message) : failure;
}
