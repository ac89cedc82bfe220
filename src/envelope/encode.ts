// Writes a branch header, the part of an envelope that is fixed before there are keys.

import { limits, magic, suite } from "./limits.ts";
import { isKeyName, isRealm } from "./names.ts";
import { unwritable } from "./refusal.ts";
import type { BranchHeader, EnvelopeRecipient } from "./types.ts";

/** A recipient with its text as bytes. */
interface Row {
  readonly recipient: EnvelopeRecipient;
  readonly masterKeyId: Buffer;
  readonly version: Buffer;
}

/**
 * Encodes rows 1–14, H0. What it writes, `decode` reads back as the same fields.
 *
 * @throws BrokerError INTERNAL, naming the field, when one breaks a limit of the format: callers check before.
 */
export function encodeBranchHeader(header: BranchHeader): Buffer {
  checkHeader(header);
  const rows = header.recipients.map(row);
  return Buffer.concat([
    magic,
    Uint8Array.of(suite, header.threshold, rows.length),
    header.branchId,
    Uint8Array.of(header.realm.length),
    Buffer.from(header.realm),
    Uint8Array.of(header.key.length),
    Buffer.from(header.key),
    ...rows.flatMap(rowParts),
  ]);
}

function checkHeader(header: BranchHeader): void {
  const { threshold, recipients } = header;
  if (header.suite !== suite) throw unwritable(`the suite must be ${suite}`);
  check(recipients.length, 1, limits.maxRecipients, "the number of recipients");
  check(threshold, 1, recipients.length, "the threshold");
  check(header.branchId.length, limits.branchIdBytes, limits.branchIdBytes, "the branch id's length");
  if (!isRealm(header.realm)) throw unwritable("the realm breaks its grammar");
  if (!isKeyName(header.key)) throw unwritable("the key's name breaks its grammar");
}

function row(recipient: EnvelopeRecipient): Row {
  check(recipient.kind, 0, 255, "the provider kind");
  check(recipient.scheme, 0, 255, "the scheme");
  check(recipient.wrapped.length, 1, limits.maxWrappedBytes, "the wrapped blob's length");
  const masterKeyId = utf8(recipient.masterKeyId, "the master-key id");
  check(masterKeyId.length, 1, limits.maxMasterKeyIdBytes, "the master-key id's length");
  const version = utf8(recipient.version, "the version");
  check(version.length, 0, limits.maxVersionBytes, "the version's length");
  return { recipient, masterKeyId, version };
}

function rowParts({ recipient, masterKeyId, version }: Row): Uint8Array[] {
  return [
    Uint8Array.of(recipient.kind, recipient.scheme),
    short(masterKeyId.length),
    masterKeyId,
    Uint8Array.of(version.length),
    version,
    short(recipient.wrapped.length),
    recipient.wrapped,
  ];
}

function short(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function utf8(text: string, what: string): Buffer {
  if (!text.isWellFormed()) throw unwritable(`${what} is not well-formed Unicode`);
  return Buffer.from(text);
}

function check(value: number, least: number, most: number, what: string): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw unwritable(`${what} must be ${least === most ? least : `${least} to ${most}`}`);
}
