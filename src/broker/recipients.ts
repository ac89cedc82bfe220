// Asks recipients: wraps a branch key for one and proves it, unwraps one, or the first of several that can.

import { timingSafeEqual } from "node:crypto";
import { commitmentEquals, deriveKeys, limits, material, refused, shareOf } from "../envelope/index.ts";
import type { BranchHeader, EnvelopeRecipient, Envelope } from "../envelope/index.ts";
import { BrokerError } from "../errors/index.ts";
import { bindingOf } from "../provider/index.ts";
import type { Binding, Unwrapped, Wrapped } from "../provider/index.ts";
import { wipe } from "../secret/index.ts";
import { asProviderFailure, heaviest } from "./failures.ts";
import type { JudgedRecipient } from "./judge.ts";
import type { Listed } from "./keyring.ts";
import type { OpeningKey } from "./unwrap-cache.ts";

/** The facts of a branch key that its shares are bound to. */
export type BranchFacts = Pick<BranchHeader, "suite" | "realm" | "key" | "branchId" | "threshold">;

/** A branch key as an envelope states it. */
export type Branch = BranchHeader & Pick<Envelope, "h0" | "commitment">;

/** The binding of the share at an index, from 0, of as many recipients. */
export function shareBinding(facts: BranchFacts, index: number, recipients: number): Binding {
  const { suite, realm, key, branchId, threshold } = facts;
  return bindingOf({ suite, realm, key, branchId, threshold, share: index + 1, recipients });
}

/** Wraps a share for one master key. The caller still owns and wipes `share`. */
export async function wrapFor(listed: Listed, share: Uint8Array, binding: Binding): Promise<EnvelopeRecipient> {
  const { provider, masterKey } = listed;
  const answer = await provider.guard.call("wrap", async (signal) => {
    const own = material(share, binding);
    try {
      return await masterKey.wrap(own, binding, signal);
    } finally {
      wipe(own);
    }
  });
  checkWrapped(answer, listed);
  const { wrapped, scheme, version } = answer;
  return { kind: provider.kind.number, masterKeyId: masterKey.id, wrapped, scheme, version };
}

/**
 * Unwraps a share again and compares: only what opened once more may be relied on. Answers the version. Throws INTERNAL
 * when the backend answers another share or refuses its own blob.
 */
export async function proveFor(
  listed: Listed,
  recipient: EnvelopeRecipient,
  share: Uint8Array,
  binding: Binding,
): Promise<string> {
  const name = listed.provider.guard.name;
  try {
    const answer = await unwrapShare(listed, recipient, binding);
    const same = timingSafeEqual(answer.share, share);
    wipe(answer.share);
    if (!same) throw refused("share");
    return answer.version;
  } catch (error) {
    const failure = asProviderFailure(error, name);
    if (failure.reason !== "ENVELOPE_REFUSED") throw failure;
    const message = `provider ${name} did not unwrap what it had just wrapped: nothing was sealed`;
    throw new BrokerError("INTERNAL", message, { cause: failure });
  }
}

/**
 * Opens an envelope's branch key through one recipient. Throws ENVELOPE_REFUSED when what comes back is not what the
 * envelope commits to.
 */
export async function openThrough({ listed, index }: JudgedRecipient, branch: Branch): Promise<OpeningKey> {
  const binding = shareBinding(branch, index, branch.recipients.length);
  const { share, version, rewrapDue } = await unwrapShare(listed, branch.recipients[index]!, binding);
  try {
    const { sealKey, commitment } = deriveKeys(share, branch.h0);
    if (!commitmentEquals(commitment, branch.commitment)) throw refused("commitment");
    return { sealKey, version, rewrapDue };
  } finally {
    wipe(share);
  }
}

/** Opens through the first recipient that can. When none can, throws the heaviest failure, `before` among them. */
export async function openThroughAny(
  recipients: readonly JudgedRecipient[],
  branch: Branch,
  before: BrokerError[] = [],
): Promise<OpeningKey> {
  for (const recipient of recipients) {
    try {
      return await openThrough(recipient, branch);
    } catch (error) {
      before.push(asProviderFailure(error, recipient.listed.provider.guard.name));
    }
  }
  throw told(heaviest(before) ?? refused("recipients"));
}

/** A backend's refusal, in the words that all refusals share. */
function told(failure: BrokerError): BrokerError {
  return failure.reason === "ENVELOPE_REFUSED" ? refused(failure.message) : failure;
}

async function unwrapShare(listed: Listed, recipient: EnvelopeRecipient, binding: Binding) {
  const { provider, masterKey } = listed;
  const { wrapped, scheme } = recipient;
  if (!provider.kind.schemes.includes(scheme)) throw refused("scheme");
  const answer = await provider.guard.call("unwrap", (signal) => masterKey.unwrap(wrapped, scheme, binding, signal), {
    discard,
  });
  if (!isUnwrapped(answer)) throw malformed(listed, "unwrap");
  try {
    return { share: shareOf(answer.material, binding), version: answer.version, rewrapDue: answer.rewrapDue === true };
  } finally {
    wipe(answer.material);
  }
}

function discard(late: Unwrapped): void {
  if (isUnwrapped(late)) wipe(late.material);
}

function isUnwrapped(answer: Unwrapped | undefined): answer is Unwrapped {
  return answer?.material instanceof Uint8Array && typeof answer.version === "string";
}

function checkWrapped(answer: Wrapped | undefined, listed: Listed): void {
  const bytes = answer?.wrapped instanceof Uint8Array ? answer.wrapped.length : 0;
  const fits = bytes >= 1 && bytes <= limits.maxWrappedBytes;
  const versionFits =
    typeof answer?.version === "string" && Buffer.byteLength(answer.version) <= limits.maxVersionBytes;
  if (!fits || !versionFits || !listed.provider.kind.schemes.includes(answer.scheme)) throw malformed(listed, "wrap");
}

function malformed(listed: Listed, operation: string): BrokerError {
  const message = `provider ${listed.provider.guard.name} answered ${operation} with something that is no answer`;
  return new BrokerError("INTERNAL", message);
}
