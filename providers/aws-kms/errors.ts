// The one table of what AWS answers, by name, and what it means to the broker.
// https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html and each operation's list of errors.

import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import type { Reason } from "../../src/errors/index.ts";

interface Row {
  readonly reason: Reason;
  readonly message: string;
  /** The credentials in use are no good: fetch them anew before the next call. */
  readonly renew?: true;
}

const throttled: Row = {
  reason: "PROVIDER_UNAVAILABLE",
  message: "AWS KMS is throttling us: the account's request quota of this region is used up",
};
const internal: Row = { reason: "PROVIDER_UNAVAILABLE", message: "AWS KMS failed within itself" };
const refused: Row = {
  reason: "ENVELOPE_REFUSED",
  message: "this master key did not make this blob for this binding",
};
const denied: Row = {
  reason: "KEY_DISABLED",
  message: "AWS denies us this master key: its key policy or our IAM policy does not allow the call",
};
const disabled: Row = { reason: "KEY_DISABLED", message: "the master key is disabled: enable it in AWS KMS" };
const badCredentials: Row = {
  reason: "PROVIDER_UNAVAILABLE",
  message: "AWS does not take our credentials: see that the access key or the role is still there",
  renew: true,
};
const expired: Row = {
  reason: "PROVIDER_UNAVAILABLE",
  message: "our AWS credentials have expired and are fetched anew",
  renew: true,
};
const skewed: Row = {
  reason: "PROVIDER_UNAVAILABLE",
  message: "AWS does not take our signature: this machine's clock is off, or the secret access key is wrong",
};
const store: Row = {
  reason: "PROVIDER_UNAVAILABLE",
  message: "the custom key store behind the master key is not connected or does not answer",
};

/** By the error's name, without a namespace before it or `:` and an address after it. */
const rows: Readonly<Record<string, Row>> = {
  InvalidCiphertextException: refused,
  IncorrectKeyException: refused,
  AccessDeniedException: denied,
  AccessDenied: denied,
  NotAuthorized: denied,
  NotAuthorizedException: denied,
  DisabledException: disabled,
  NotFoundException: { reason: "KEY_DISABLED", message: "AWS KMS has no such master key in this account and region" },
  InvalidArnException: { reason: "KEY_DISABLED", message: "AWS KMS does not know the master key's ARN" },
  InvalidKeyUsageException: {
    reason: "KEY_DISABLED",
    message: "the master key is no symmetric key for ENCRYPT_DECRYPT",
  },
  KMSInvalidStateException: {
    reason: "PROVIDER_UNAVAILABLE",
    message: "the master key is in a state in which it cannot be used",
  },
  KeyUnavailableException: { reason: "PROVIDER_UNAVAILABLE", message: "the master key is not available for a while" },
  DependencyTimeoutException: internal,
  KMSInternalException: internal,
  InternalFailure: internal,
  InternalError: internal,
  InternalServerError: internal,
  InternalServerException: internal,
  ServiceUnavailable: internal,
  ServiceUnavailableException: internal,
  RequestTimeout: internal,
  RequestTimeoutException: internal,
  ThrottlingException: throttled,
  Throttling: throttled,
  ThrottledException: throttled,
  RequestLimitExceeded: throttled,
  RequestThrottled: throttled,
  RequestThrottledException: throttled,
  TooManyRequestsException: throttled,
  SlowDown: throttled,
  LimitExceededException: { reason: "REQUEST_INVALID", message: "AWS KMS has reached a limit of this master key" },
  ConflictException: {
    reason: "REQUEST_INVALID",
    message: "the master key is being rotated already: wait for its end",
  },
  UnsupportedOperationException: {
    reason: "REQUEST_INVALID",
    message: "AWS KMS cannot do that with this master key: of a multi-Region key only the primary can be rotated",
  },
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  RequestExpired: skewed,
  RequestTimeTooSkewed: skewed,
  RequestInTheFuture: skewed,
  InvalidSignatureException: skewed,
  SignatureDoesNotMatch: skewed,
  UnrecognizedClientException: badCredentials,
  InvalidClientTokenId: badCredentials,
  InvalidAccessKeyId: badCredentials,
  MissingAuthenticationToken: badCredentials,
  MissingAuthenticationTokenException: badCredentials,
  IncompleteSignature: badCredentials,
  IncompleteSignatureException: badCredentials,
  OptInRequired: badCredentials,
  CloudHsmClusterInvalidConfigurationException: store,
  CloudHsmClusterNotActiveException: store,
  CustomKeyStoreInvalidStateException: store,
  XksProxyUriUnreachableException: store,
};

/** Names of the errors in the table. */
export const knownErrors: readonly string[] = Object.keys(rows);

/** Whether AWS denied the call; not so where the key is disabled or gone. */
export function isDenial(error: unknown): boolean {
  const cause = isBrokerError(error) ? error.cause : undefined;
  return cause instanceof Error && rows[cause.name] === denied;
}

/** What came of the network, by node's code (https://nodejs.org/api/errors.html#nodejs-error-codes). */
const networkCodes: Readonly<Record<string, string>> = {
  ENOTFOUND: "its host name is not known: see the region, the endpoint and DNS",
  EAI_AGAIN: "DNS does not answer",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was reset",
  ETIMEDOUT: "the connection timed out",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
};

/** What an error of the SDK may carry. */
interface SdkError extends Error {
  readonly code?: unknown;
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** The error's name in AWS's words, also of one that the SDK has no class for. */
function nameOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  return name.replace(/^.*#/, "").replace(/:.*$/, "");
}

/** Whether the credentials in use are to be fetched anew. */
export function asksForCredentials(error: unknown): boolean {
  return rows[nameOf(error)]?.renew === true;
}

/**
 * A failure of a call as a BrokerError: by name, then by HTTP status, then by the network's code. What has none of them
 * stays what it is, without its words, which may quote an answer.
 */
export function asBrokerError(error: unknown): Error {
  if (isBrokerError(error)) return error;
  const failure = error as SdkError;
  const cause = causeOf(failure);
  const row = Object.hasOwn(rows, nameOf(error)) ? rows[nameOf(error)] : undefined;
  if (row) return new BrokerError(row.reason, row.message, { cause, ...hintOf(failure) });
  const status = failure.$metadata?.httpStatusCode ?? 0;
  if (status === 429) return new BrokerError(throttled.reason, throttled.message, { cause, ...hintOf(failure) });
  if (status >= 500) return new BrokerError(internal.reason, internal.message, { cause, ...hintOf(failure) });
  const network = networkFault(failure);
  if (network) return new BrokerError("PROVIDER_UNAVAILABLE", `AWS KMS cannot be reached: ${network}`, { cause });
  if (isUnreadable(failure))
    return new BrokerError("PROVIDER_UNAVAILABLE", "AWS KMS, or something before it, gave no readable answer", {
      cause,
    });
  return cause;
}

/** Why credentials could not be had, by the error's name. */
const credentialWords: Readonly<Record<string, string>> = {
  AccessDenied: "STS does not let us take on the role: see the role's trust policy, and that the role is there",
  AccessDeniedException:
    "STS does not let us take on the role: see the role's trust policy, and that the role is there",
  InvalidIdentityToken: "STS does not take the web identity token: see its issuer, audience and file",
  InvalidIdentityTokenException: "STS does not take the web identity token: see its issuer, audience and file",
  ExpiredToken: "the web identity token has expired: whoever writes its file has stopped",
  ExpiredTokenException: "the web identity token has expired: whoever writes its file has stopped",
  ENOENT: "the web identity token's file is not there",
  EACCES: "the web identity token's file may not be read by the daemon's user",
};

/** Credentials that could not be had are an outage of ours: nothing is known of the master key. */
export function credentialsError(error: unknown): BrokerError {
  const failure = error as SdkError;
  const network = networkFault(failure);
  const words =
    credentialWords[nameOf(error)] ??
    credentialWords[String(failure.code)] ??
    (network && `STS cannot be reached: ${network}`) ??
    "there are none: give the instance or pod a role, or set AWS_PROFILE, assumeRole or webIdentity";
  return new BrokerError("PROVIDER_UNAVAILABLE", `no AWS credentials: ${words}`, { cause: causeOf(failure) });
}

function networkFault({ name, code, cause }: SdkError): string | undefined {
  const inner = (cause as { code?: unknown } | undefined)?.code;
  const found = [code, inner].find((one) => typeof one === "string" && /^E[A-Z_]+$|^ERR_(TLS|SSL)|CERT/.test(one));
  if (typeof found !== "string") return name === "TimeoutError" ? networkCodes["ETIMEDOUT"] : undefined;
  return (
    networkCodes[found] ?? (/CERT|TLS|SSL|ISSUER/.test(found) ? `its certificate is not trusted (${found})` : found)
  );
}

/** Truncated or foreign answers: the SDK's parser throws a SyntaxError; node's says that the message ended early. */
function isUnreadable({ name, code }: SdkError): boolean {
  return name === "SyntaxError" || (typeof code === "string" && code.startsWith("HPE_"));
}

function hintOf({ $response }: SdkError): { retryAfterMs?: number } {
  const seconds = Number($response?.headers?.["retry-after"] ?? Number.NaN);
  return seconds >= 0 && seconds <= 3_600 ? { retryAfterMs: 1_000 * seconds } : {};
}

/**
 * What the log may know. The SDK's own errors carry the whole response, and a parser's message quotes the answer, which
 * may hold a share: only a modelled service error's message is the service's own words.
 */
function causeOf(error: SdkError): Error {
  const { httpStatusCode, requestId } = error.$metadata ?? {};
  const words = error.$fault !== undefined && httpStatusCode !== undefined ? error.message.slice(0, 1_000) : "";
  const facts = [
    typeof error.code === "string" && error.code,
    httpStatusCode !== undefined && `HTTP ${httpStatusCode}`,
    requestId !== undefined && `request ${requestId}`,
    words,
  ].filter(Boolean);
  const cause = new Error(facts.join(", "));
  cause.name = nameOf(error) || "Error";
  return cause;
}
