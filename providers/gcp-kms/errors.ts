// What Cloud KMS answers instead of a result, and what that is for the broker: the one table.

import { status } from "@grpc/grpc-js";
import { BrokerError } from "../../src/errors/index.ts";
import type { Reason } from "../../src/errors/index.ts";
import { intact } from "./integrity.ts";

/** What a call was for: some statuses mean another thing there. */
export type Purpose = "wrap" | "unwrap" | "read" | "manage";

/** What is used of the library's errors. */
export interface CallFailure {
  readonly code?: number;
  readonly details?: string;
  readonly message?: string;
  readonly statusDetails?: unknown;
}

type Answer = readonly [reason: Reason, words: string];

const unavailable = (words: string): Answer => ["PROVIDER_UNAVAILABLE", words];

/** By gRPC status. Those not here are INTERNAL: they speak of a mistake of ours, or of no Cloud KMS at all. */
const table: Readonly<Partial<Record<status, Answer>>> = {
  [status.PERMISSION_DENIED]: [
    "KEY_DISABLED",
    "Cloud KMS denies the permission to use this key: see its IAM policy, and whether the API is enabled in its project",
  ],
  [status.NOT_FOUND]: ["KEY_DISABLED", "Cloud KMS has no such key: see its name and location"],
  [status.FAILED_PRECONDITION]: [
    "KEY_DISABLED",
    "the version of this key that is needed is disabled or destroyed in Cloud KMS: enable or restore it",
  ],
  [status.UNAUTHENTICATED]: unavailable(
    "Cloud KMS does not accept the daemon's credentials: see whether they were revoked or have expired, and this machine's clock",
  ),
  [status.RESOURCE_EXHAUSTED]: unavailable("the project's Cloud KMS quota is used up"),
  [status.UNAVAILABLE]: unavailable("Cloud KMS cannot be reached"),
  [status.DEADLINE_EXCEEDED]: unavailable("Cloud KMS did not answer in time"),
  [status.INTERNAL]: unavailable("Cloud KMS failed with an internal error"),
  [status.UNKNOWN]: unavailable("Cloud KMS failed without saying how"),
  [status.ABORTED]: unavailable("Cloud KMS broke the call off"),
  [status.CANCELLED]: unavailable("the call to Cloud KMS was broken off"),
  [status.DATA_LOSS]: unavailable("Cloud KMS says that it lost data"),
};

/** Versions that will be ready soon: the key is not disabled. */
const pending = /\bPENDING_(?:GENERATION|IMPORT)\b/;
/** Cloud KMS's words for a request whose checksums do not match: it was damaged on its way there. */
const checksumMismatch = /checksum in field .* did not match/i;
/** Cloud KMS's words for a blob, an associated data or a key that do not belong together. */
const undecryptable = /\bdecryption failed\b/i;

/**
 * The BrokerError for a failed call. A status of Cloud KMS is told apart by its words only where INVALID_ARGUMENT stands
 * for a bad blob and a malformed request alike: other words than those we know never become ENVELOPE_REFUSED. Throws
 * `Damaged` (see integrity.ts) when the request came there damaged.
 */
export function failureOf(error: unknown, purpose: Purpose): BrokerError {
  const { code, details = "", statusDetails } = (error ?? {}) as CallFailure;
  if (code === status.INVALID_ARGUMENT) {
    intact(!checksumMismatch.test(details), "says that the request came damaged");
    if (purpose === "unwrap" && undecryptable.test(details)) return refused();
  }
  const cause = causeOf(error);
  if (purpose === "manage" && isNotPossible(code)) return impossible(details, cause);
  const soon = code === status.FAILED_PRECONDITION && pending.test(details);
  const answer = soon ? unavailable("the key's newest version is still being made") : table[code as status];
  if (!answer) return new BrokerError("INTERNAL", "Cloud KMS answered something unexpected: see the log", { cause });
  const retryAfterMs = retryDelayOf(statusDetails);
  return new BrokerError(answer[0], answer[1], { cause, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** What is told of a blob that is not right for this master key. */
export function refused(): BrokerError {
  return new BrokerError("ENVELOPE_REFUSED", "this Cloud KMS key did not make this blob for this binding");
}

/** Statuses that say that a version cannot become what was asked. */
function isNotPossible(code: number | undefined): boolean {
  return code === status.FAILED_PRECONDITION || code === status.NOT_FOUND || code === status.INVALID_ARGUMENT;
}

function impossible(details: string, cause: Error): BrokerError {
  return new BrokerError("REQUEST_INVALID", `Cloud KMS cannot do that to this version: ${shortened(details)}`, {
    cause,
  });
}

/** Of a failure only what is certain to hold no request, header or token: the library's own errors may carry them. */
function causeOf(error: unknown): Error {
  const { code, details, message } = (error ?? {}) as CallFailure;
  const name = typeof code === "number" ? (status[code] ?? String(code)) : "no gRPC status";
  return new Error(`${name}: ${shortened(details ?? message ?? "no words")}`);
}

const longestWords = 300;

function shortened(words: string): string {
  return words.replace(/[^\x20-\x7e]+/g, " ").slice(0, longestWords);
}

/** The delay of a google.rpc.RetryInfo among an error's details, in milliseconds. */
function retryDelayOf(statusDetails: unknown): number | undefined {
  if (!Array.isArray(statusDetails)) return undefined;
  const delays = statusDetails.map((detail) => (detail as { retryDelay?: unknown } | null)?.retryDelay);
  return delays.map(millisecondsOf).find((delay) => delay !== undefined);
}

/** A Duration as the library decodes it: `{seconds, nanos}`, or the text `1.5s`. */
function millisecondsOf(delay: unknown): number | undefined {
  if (typeof delay === "string") return positive(Number(/^([0-9.]+)s$/.exec(delay)?.[1]) * 1_000);
  const { seconds, nanos } = (delay ?? {}) as { seconds?: unknown; nanos?: unknown };
  if (seconds === undefined && nanos === undefined) return undefined;
  return positive(Number(seconds ?? 0) * 1_000 + Number(nanos ?? 0) / 1e6);
}

function positive(delayMs: number): number | undefined {
  return Number.isFinite(delayMs) && delayMs > 0 ? Math.ceil(delayMs) : undefined;
}
