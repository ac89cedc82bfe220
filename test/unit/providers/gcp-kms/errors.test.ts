// What each status of Cloud KMS is for the broker.

import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { failureOf } from "../../../../providers/gcp-kms/errors.ts";
import type { Purpose } from "../../../../providers/gcp-kms/errors.ts";
import type { Reason } from "../../../../src/errors/index.ts";

const failure = (code: status | undefined, purpose: Purpose = "unwrap", details = "words", more: object = {}) =>
  failureOf(Object.assign(new Error(`${code} ${details}`), { code, details, ...more }), purpose);

/** Every status that gRPC has. */
const reasons: Readonly<Record<Exclude<keyof typeof status, "OK">, Reason>> = {
  CANCELLED: "PROVIDER_UNAVAILABLE",
  UNKNOWN: "PROVIDER_UNAVAILABLE",
  INVALID_ARGUMENT: "INTERNAL",
  DEADLINE_EXCEEDED: "PROVIDER_UNAVAILABLE",
  NOT_FOUND: "KEY_DISABLED",
  ALREADY_EXISTS: "INTERNAL",
  PERMISSION_DENIED: "KEY_DISABLED",
  RESOURCE_EXHAUSTED: "PROVIDER_UNAVAILABLE",
  FAILED_PRECONDITION: "KEY_DISABLED",
  ABORTED: "PROVIDER_UNAVAILABLE",
  OUT_OF_RANGE: "INTERNAL",
  UNIMPLEMENTED: "INTERNAL",
  INTERNAL: "PROVIDER_UNAVAILABLE",
  UNAVAILABLE: "PROVIDER_UNAVAILABLE",
  DATA_LOSS: "PROVIDER_UNAVAILABLE",
  UNAUTHENTICATED: "PROVIDER_UNAVAILABLE",
};

test.each(Object.entries(reasons))("%s is %s", (name, reason) => {
  expect(failure(status[name as keyof typeof status]).reason).toBe(reason);
});

describe("INVALID_ARGUMENT", () => {
  test.each([
    "Decryption failed: the ciphertext is invalid.",
    "Decryption failed: verify that 'name' refers to the correct CryptoKey.",
  ])("%s refuses a blob, and only when unwrapping", (details) => {
    expect(failure(status.INVALID_ARGUMENT, "unwrap", details).reason).toBe("ENVELOPE_REFUSED");
    expect(failure(status.INVALID_ARGUMENT, "wrap", details).reason).toBe("INTERNAL");
  });

  test("of a malformed request never refuses a blob", () => {
    const details = "Resource name [projects/x] is not valid.";
    expect(failure(status.INVALID_ARGUMENT, "unwrap", details).reason).toBe("INTERNAL");
  });

  test("for a checksum asks for the call to be made again", () => {
    const details = "The checksum in field ciphertext_crc32c did not match the data in field ciphertext.";
    expect(() => failure(status.INVALID_ARGUMENT, "unwrap", details)).toThrow("came damaged");
  });
});

test("a version that is still being made passes", () => {
  const details = "v is not enabled, current state is: PENDING_GENERATION.";
  expect(failure(status.FAILED_PRECONDITION, "wrap", details).reason).toBe("PROVIDER_UNAVAILABLE");
});

test("a version that cannot become what was asked is the administrator's mistake", () => {
  for (const code of [status.FAILED_PRECONDITION, status.NOT_FOUND, status.INVALID_ARGUMENT]) {
    expect(failure(code, "manage").reason).toBe("REQUEST_INVALID");
  }
});

describe("a RetryInfo", () => {
  test.each([
    [{ retryDelay: { seconds: 2, nanos: 500_000_000 } }, 2_500],
    [{ retryDelay: { seconds: "1" } }, 1_000],
    [{ retryDelay: "1.5s" }, 1_500],
  ])("%j is a hint", (detail, hintMs) => {
    const more = { statusDetails: [{ reason: "RATE_LIMIT_EXCEEDED" }, detail] };
    expect(failure(status.RESOURCE_EXHAUSTED, "wrap", "quota", more).retryAfterMs).toBe(hintMs);
  });

  test.each([[{ retryDelay: "soon" }], [{ retryDelay: { seconds: -1 } }], [{ retryDelay: {} }], [null], ["text"]])(
    "%j is none",
    (detail) => {
      const more = { statusDetails: [detail] };
      expect(failure(status.RESOURCE_EXHAUSTED, "wrap", "quota", more).retryAfterMs).toBeUndefined();
    },
  );
});

test("what is no status of gRPC is INTERNAL", () => {
  for (const error of [undefined, null, new TypeError("oops"), "text"]) {
    expect(failureOf(error, "wrap").reason).toBe("INTERNAL");
  }
});

test("the cause has the status's words in one line, and nothing else of the library's error", () => {
  const more = { metadata: { authorization: "Bearer canary" }, note: "canary" };
  const { cause } = failure(status.INTERNAL, "wrap", "line 1\nline 2", more) as { cause: Error };
  expect(cause.message).toBe("INTERNAL: line 1 line 2");
  expect(JSON.stringify({ ...cause })).toBe("{}");
});
