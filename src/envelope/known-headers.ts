// Headers that were read before: one branch key stands in thousands of envelopes, and its header is parsed once.

import { copy } from "../secret/index.ts";
import { limits } from "./limits.ts";
import type { Envelope } from "./types.ts";

/** Rows 1–15, read. */
export type KnownHeader = Omit<Envelope, "associatedData" | "nonce" | "sealed" | "dataKeyLength">;

const maxHeaders = 64;
/** A header of eight recipients with common ids is shorter; one of hostile length is not kept. */
const maxHeaderBytes = 4096;
const branchIdAt = 7;

/** By branch id. Another header under a known id is read each time, and pushes nothing out. */
const headers = new Map<string, KnownHeader>();

/** The header that these bytes begin with, if an equal one, byte for byte, was read before. */
export function findHeader(bytes: Buffer): KnownHeader | undefined {
  const known = headers.get(nameOf(bytes));
  if (known === undefined) return undefined;
  const { branchHeader } = known;
  const { length } = branchHeader;
  return bytes.compare(branchHeader, 0, length, 0, Math.min(length, bytes.length)) === 0 ? known : undefined;
}

/** Keeps a header that was read, without a fault, from these bytes; in a copy, since a request's bytes are wiped. */
export function keepHeader(header: KnownHeader, bytes: Buffer): void {
  const name = nameOf(bytes);
  if (header.branchHeader.length > maxHeaderBytes || headers.has(name)) return;
  const branchHeader = copy(header.branchHeader);
  if (headers.size >= maxHeaders) headers.delete(headers.keys().next().value!);
  const start = header.branchHeader.byteOffset;
  const own = (view: Uint8Array) =>
    branchHeader.subarray(view.byteOffset - start, view.byteOffset - start + view.length);
  const recipients = header.recipients.map((recipient) => ({ ...recipient, wrapped: own(recipient.wrapped) }));
  const { branchId, h0, commitment } = header;
  const views = { branchId: own(branchId), h0: own(h0), commitment: own(commitment), branchHeader };
  headers.set(name, { ...header, recipients, ...views });
}

function nameOf(bytes: Buffer): string {
  return bytes.toString("latin1", branchIdAt, branchIdAt + limits.branchIdBytes);
}
