// Opens envelopes with env master keys through the product's own functions, step by step as a broker does.

import { createDecipheriv, hkdfSync } from "node:crypto";
import {
  combine,
  commitmentEquals,
  contextHash,
  decode,
  deriveKeys,
  openFor,
  refused,
  shareOf,
} from "../../src/envelope/index.ts";
import type { Context, Envelope, EnvelopeRecipient, PositionedShare } from "../../src/envelope/index.ts";
import { bindingOf } from "../../src/provider/binding.ts";
import type { Binding } from "../../src/provider/binding.ts";
import { envId } from "./writer.ts";

/** The data key. Throws ENVELOPE_REFUSED or, for the context's own faults, REQUEST_INVALID. */
export function openWith(masterKeys: readonly Buffer[], envelope: Uint8Array, context: Context): Buffer {
  const decoded = decode(envelope);
  const hash = contextHash(context);
  return openUnder(branchKeyOf(decoded, masterKeys), decoded, hash);
}

/** As `openWith`, from as many shares as the threshold says. */
export function openFromShares(shares: readonly PositionedShare[], envelope: Envelope, context: Context): Buffer {
  const branchKey = envelope.threshold === 1 ? Buffer.from(shares[0]!.share) : combine(shares);
  return openUnder(branchKey, envelope, contextHash(context));
}

function openUnder(branchKey: Buffer, envelope: Envelope, hash: Buffer): Buffer {
  const { commitment, sealKey } = deriveKeys(branchKey, envelope.h0);
  if (!commitmentEquals(envelope.commitment, commitment)) throw refused();
  return openFor(envelope, sealKey, hash);
}

/** The branch key, from the first `threshold` shares that open. */
export function branchKeyOf(envelope: Envelope, masterKeys: readonly Buffer[]): Buffer {
  const byId = new Map(masterKeys.map((masterKey) => [envId(masterKey), masterKey]));
  const shares: PositionedShare[] = [];
  envelope.recipients.forEach((recipient, i) => {
    const masterKey = byId.get(recipient.masterKeyId);
    const known = recipient.kind === 1 && recipient.scheme === 1;
    if (masterKey === undefined || !known || shares.length === envelope.threshold) return;
    const binding = bindingAt(envelope, i + 1);
    shares.push({ position: i + 1, share: shareOf(unwrapEnv(masterKey, recipient, binding), binding) });
  });
  if (shares.length < envelope.threshold) throw refused();
  return envelope.threshold === 1 ? Buffer.from(shares[0]!.share) : combine(shares);
}

/** The binding of the share at a position. */
export function bindingAt(envelope: Envelope, share: number): Binding {
  return bindingOf({ ...envelope, share, recipients: envelope.recipients.length });
}

/** The env provider's scheme 1. */
function unwrapEnv(masterKey: Buffer, { wrapped }: EnvelopeRecipient, binding: Binding): Buffer {
  if (wrapped.length !== 112) throw refused();
  const t = Buffer.from(hkdfSync("sha512", masterKey, wrapped.subarray(0, 32), "keybroker env v1 wrap", 44));
  const decipher = createDecipheriv("aes-256-gcm", t.subarray(0, 32), t.subarray(32), { authTagLength: 16 });
  decipher.setAAD(binding.bytes);
  decipher.setAuthTag(wrapped.subarray(96));
  try {
    return Buffer.concat([decipher.update(wrapped.subarray(32, 96)), decipher.final()]);
  } catch {
    throw refused();
  }
}
