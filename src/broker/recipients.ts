// Asks one recipient: probes its master key, wraps a share for it and proves it, unwraps one.

import { timingSafeEqual } from "node:crypto";
import { limits, material, refused, shareOf } from "../envelope/index.ts";
import type { BranchHeader, EnvelopeRecipient, Envelope } from "../envelope/index.ts";
import { BrokerError } from "../errors/index.ts";
import { bindingOf } from "../provider/index.ts";
import type { Binding, Unwrapped, Wrapped } from "../provider/index.ts";
import { wipe } from "../secret/index.ts";
import { asProviderFailure } from "./failures.ts";
import type { CallOptions } from "./guard.ts";
import type { Listed } from "./keyring.ts";
import type { ProviderOperation } from "./observer.ts";

/** The facts of a branch key that its shares are bound to. */
export type BranchFacts = Pick<BranchHeader, "suite" | "realm" | "key" | "branchId" | "threshold">;

/** A branch key as an envelope states it. */
export type Branch = BranchHeader & Pick<Envelope, "h0" | "commitment">;

/** A recipient's share of a branch key. */
export interface Share {
  /** 32 bytes in a buffer of its own; whoever got it wipes it. */
  readonly share: Buffer;
  /** The master key's version that unwrapped it. */
  readonly version: string;
  readonly rewrapDue: boolean;
}

/** What one recipient of a branch key holds. */
export type Asked = Pick<Listed, "provider" | "masterKey">;

/** The binding of the share at an index, from 0, of as many recipients. */
export function shareBinding(facts: BranchFacts, index: number, recipients: number): Binding {
  const { suite, realm, key, branchId, threshold } = facts;
  return bindingOf({ suite, realm, key, branchId, threshold, share: index + 1, recipients });
}

/** Looks whether a master key is there, enabled and to be relied on; shares a look that is under way. */
export function probe(asked: Asked): Promise<void> {
  const { provider, masterKey } = asked;
  return provider.health.probe(masterKey.id, () => call(asked, "probe", (signal) => masterKey.probe(signal)));
}

/** Looks unless it was found to be so before: what never was is given nothing to wrap. */
export async function probeOnce(asked: Asked): Promise<void> {
  const { provider, masterKey } = asked;
  if (!provider.health.of(masterKey.id).enabled) await probe(asked);
}

/** Wraps a share for one master key. The caller still owns and wipes `share`. */
export async function wrapFor(asked: Asked, share: Uint8Array, binding: Binding): Promise<EnvelopeRecipient> {
  const { provider, masterKey } = asked;
  provider.health.checkWraps(masterKey);
  const answer = await call(asked, "wrap", async (signal) => {
    const own = material(share, binding);
    try {
      return await masterKey.wrap(own, binding, signal);
    } finally {
      wipe(own);
    }
  });
  checkWrapped(answer, asked);
  const { wrapped, scheme, version } = answer;
  provider.health.wrapped(masterKey, version);
  return { kind: provider.kind.number, masterKeyId: masterKey.id, wrapped, scheme, version };
}

/**
 * Unwraps a share again and compares: only what opened once more may be relied on. Answers the version. Throws INTERNAL
 * when the backend answers another share or refuses its own blob.
 */
export async function proveFor(
  asked: Asked,
  recipient: EnvelopeRecipient,
  share: Uint8Array,
  binding: Binding,
): Promise<string> {
  const { health, guard } = asked.provider;
  const { id } = asked.masterKey;
  try {
    const answer = await unwrapShare(asked, recipient, binding);
    const same = timingSafeEqual(answer.share, share);
    wipe(answer.share);
    if (!same) throw refused("share");
    health.proven(id);
    return answer.version;
  } catch (error) {
    const failure = asProviderFailure(error, guard.name);
    if (failure.reason !== "ENVELOPE_REFUSED") throw failure;
    const message = `provider ${guard.name} did not unwrap what it had just wrapped: nothing was sealed`;
    const unproven = new BrokerError("INTERNAL", message, { cause: failure });
    health.failed(id, "wrap", unproven);
    throw unproven;
  }
}

/** The share at an index of an envelope. Throws ENVELOPE_REFUSED when what comes back is bound to anything else. */
export async function openShare(asked: Asked, branch: Branch, index: number): Promise<Share> {
  return await unwrapShare(asked, branch.recipients[index]!, shareBinding(branch, index, branch.recipients.length));
}

async function unwrapShare(asked: Asked, recipient: EnvelopeRecipient, binding: Binding): Promise<Share> {
  const { provider, masterKey } = asked;
  const { wrapped, scheme } = recipient;
  if (!provider.kind.schemes.includes(scheme)) throw refused("scheme");
  const ask = (signal: AbortSignal) => masterKey.unwrap(wrapped, scheme, binding, signal);
  const answer = await call(asked, "unwrap", ask, { discard });
  if (!isUnwrapped(answer)) throw malformed(asked, "unwrap");
  try {
    return { share: shareOf(answer.material, binding), version: answer.version, rewrapDue: answer.rewrapDue === true };
  } finally {
    wipe(answer.material);
  }
}

/** Through the guard; what a failure says of the master key is kept. */
async function call<T>(
  { provider, masterKey }: Asked,
  operation: ProviderOperation,
  work: (signal: AbortSignal) => Promise<T>,
  options?: CallOptions<T>,
): Promise<T> {
  try {
    return await provider.guard.call(operation, work, options);
  } catch (error) {
    provider.health.failed(masterKey.id, operation, error);
    throw error;
  }
}

function discard(late: Unwrapped): void {
  if (isUnwrapped(late)) wipe(late.material);
}

function isUnwrapped(answer: Unwrapped | undefined): answer is Unwrapped {
  return answer?.material instanceof Uint8Array && typeof answer.version === "string";
}

function checkWrapped(answer: Wrapped | undefined, asked: Asked): void {
  const bytes = answer?.wrapped instanceof Uint8Array ? answer.wrapped.length : 0;
  const fits = bytes >= 1 && bytes <= limits.maxWrappedBytes;
  const versionFits =
    typeof answer?.version === "string" && Buffer.byteLength(answer.version) <= limits.maxVersionBytes;
  if (!fits || !versionFits || !asked.provider.kind.schemes.includes(answer.scheme)) throw malformed(asked, "wrap");
}

function malformed({ provider }: Asked, operation: string): BrokerError {
  const message = `provider ${provider.guard.name} answered ${operation} with something that is no answer`;
  return new BrokerError("INTERNAL", message);
}
