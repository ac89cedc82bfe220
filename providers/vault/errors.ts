// The one table of what Vault and OpenBao answer when they do not do it, and what sockets and TLS say before that.

import { BrokerError } from "../../src/errors/index.ts";
import type { Reason } from "../../src/errors/index.ts";
import type { Answer } from "./transport.ts";

/** What a row makes of an answer. `where` is the call's path at the server, which names no secret. */
interface Row {
  readonly status: (status: number) => boolean;
  /** In the first line of `errors`; any words when left out. */
  readonly words?: RegExp;
  /** `unmapped` is no BrokerError: the broker makes INTERNAL of it and counts it. */
  readonly reason: Reason | "unmapped";
  readonly says: (where: string) => string;
  /** When the answer names no delay itself. */
  readonly retryAfterMs?: number;
}

const is =
  (...statuses: readonly number[]) =>
  (status: number) =>
    statuses.includes(status);

/** Read from the top; the first row that fits counts. */
const rows: readonly Row[] = [
  {
    status: (status) => status >= 300 && status < 400,
    reason: "PROVIDER_UNAVAILABLE",
    says: () =>
      "the server redirects, as a standby without forwarding does: a token follows no redirect, so set address to the active node or its load balancer",
  },
  {
    status: is(400),
    words: /message authentication failed|invalid ciphertext|ciphertext (is )?too short|unable to decrypt/i,
    reason: "ENVELOPE_REFUSED",
    says: () => "this master key did not make this blob for this binding",
  },
  {
    status: is(400),
    words: /too old|disallowed by policy/i,
    reason: "KEY_DISABLED",
    says: (where) => `the version that made this blob is below min_decryption_version (${where}): lower it to unwrap`,
  },
  {
    status: is(400, 404),
    words: /key not found|no existing key|soft.?deleted/i,
    reason: "KEY_DISABLED",
    says: (where) => `the transit key is not there (${where}): restore it from its backup, or correct the name`,
  },
  {
    status: is(403),
    reason: "KEY_DISABLED",
    says: (where) => `the server denies ${where}: allow it in the policy, or renew the token, which may have ended`,
  },
  {
    status: is(404),
    words: /namespace/i,
    reason: "KEY_DISABLED",
    says: () => "the server has no such namespace: correct namespace, or ask for access to it",
  },
  {
    status: is(404),
    words: /no handler|route entry|unsupported path/i,
    reason: "KEY_DISABLED",
    says: (where) => `nothing is mounted at the server for ${where}: correct mount, or enable the engine`,
  },
  {
    status: is(404),
    reason: "KEY_DISABLED",
    says: (where) => `the server has no ${where}: create the key, restore it from its backup, or correct the name`,
  },
  {
    status: is(412),
    reason: "PROVIDER_UNAVAILABLE",
    says: () => "the server has not caught up with an earlier write yet",
    retryAfterMs: 100,
  },
  {
    status: is(429),
    reason: "PROVIDER_UNAVAILABLE",
    says: () => "the server limits our rate: raise its rate-limit quota, or let branch keys live longer",
    retryAfterMs: 1_000,
  },
  {
    status: is(472, 473),
    reason: "PROVIDER_UNAVAILABLE",
    says: () => "the server is a replication standby: set address to the active node or its load balancer",
  },
  {
    status: is(501),
    reason: "PROVIDER_UNAVAILABLE",
    says: () => "the server is not initialised: bao operator init",
  },
  {
    status: is(503),
    words: /sealed/i,
    reason: "PROVIDER_UNAVAILABLE",
    says: () => "the server is sealed: bao operator unseal",
  },
  {
    status: is(500, 503),
    words: /standby|active (cluster )?node|leader/i,
    reason: "PROVIDER_UNAVAILABLE",
    says: () => "the server is a standby that finds no active node",
  },
  {
    status: (status) => status >= 500,
    reason: "PROVIDER_UNAVAILABLE",
    says: () => "the server, or a proxy before it, failed",
  },
  {
    status: (status) => status < 300,
    reason: "PROVIDER_UNAVAILABLE",
    says: (where) => `the answer to ${where} is damaged or is not a Vault server's`,
  },
  { status: () => true, reason: "unmapped", says: (where) => `the server refuses ${where} in an unexpected way` },
];

/** What to throw for an answer that did not do what was asked. */
export function failureOf(answer: Answer, where: string): Error {
  const words = wordsOf(answer);
  const row = rows.find((one) => one.status(answer.status) && (one.words?.test(words) ?? true))!;
  const cause = causeOf(answer.status, `HTTP ${answer.status}: ${words || "no words"}`);
  if (row.reason === "unmapped") return new Error(row.says(where), { cause });
  const retryAfterMs = delayOf(answer) ?? row.retryAfterMs;
  return new BrokerError(row.reason, row.says(where), { cause, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** A cause that says what the server meant: by its HTTP status, or by what a key is there. */
export function causeOf(meaning: number | "soft-deleted", words: string): Error {
  return Object.assign(new Error(words), { meaning });
}

/** What the server meant by what led to this error, where it answered. */
export function meaningOf(error: unknown): number | "soft-deleted" | undefined {
  const { cause } = (error ?? {}) as { cause?: { meaning?: number | "soft-deleted" } };
  return cause?.meaning;
}

/** What to throw when an answer of 200 lacks what it must have. */
export function damaged(where: string): BrokerError {
  return failureOf({ status: 200, headers: {}, json: undefined, taken: undefined }, where) as BrokerError;
}

/** Long runs could be a token or a plaintext that a proxy repeats: they are left out. */
export function wordsOf({ json }: Answer): string {
  const errors = (json as { errors?: unknown } | undefined)?.errors;
  if (!Array.isArray(errors)) return "";
  const words = errors.filter((word) => typeof word === "string").join("; ");
  return words
    .replaceAll(/[A-Za-z0-9+/=_.-]{20,}/g, "…")
    .replaceAll(/\s+/g, " ")
    .slice(0, 300);
}

/** `Retry-After` in seconds or as a date; at most a minute is believed. */
function delayOf({ status, headers }: Answer): number | undefined {
  const given = headers["retry-after"];
  if (given === undefined || (status !== 429 && status < 500)) return undefined;
  const delayMs = /^\d+$/.test(given) ? Number(given) * 1_000 : Date.parse(given) - Date.now();
  return Number.isFinite(delayMs) ? Math.min(Math.max(delayMs, 0), 60_000) : undefined;
}

/** What to do about a failed connection, by the system's or OpenSSL's code. */
const connectionWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there: is the server running, is the port right?",
  ENOTFOUND: "its name is not known: check address and DNS",
  EAI_AGAIN: "DNS does not answer",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  ETIMEDOUT: "the network does not answer",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: check both clocks",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate names another host",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is of an unknown authority: name it with ca",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is of an unknown authority: name it with ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is of an unknown authority: name it with ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is of an unknown authority: name it with ca",
  EPROTO: "TLS failed: is this an https port, and does it want a client certificate?",
};

/** What to throw when no answer came. */
export function unreachable(error: unknown, address: string): BrokerError {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const words =
    connectionWords[code] ?? (code.startsWith("ERR_SSL") ? connectionWords["EPROTO"]! : "it gave no answer");
  // The original error is no cause: Node's HTTP errors hold the bytes that they could not parse.
  return new BrokerError("PROVIDER_UNAVAILABLE", `${address} cannot be reached: ${words}`, {
    cause: new Error(code || (error as Error).name),
  });
}
