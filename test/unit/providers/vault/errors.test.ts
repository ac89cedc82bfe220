// What each failure of a Vault server is told as, and that nothing secret comes along.

import { describe, expect, test } from "vitest";
import { damaged, failureOf, unreachable } from "../../../../providers/vault/errors.ts";
import { isBrokerError } from "../../../../src/errors/index.ts";

const where = "transit/decrypt/kb";
const answer = (status: number, errors: unknown = [], headers: Record<string, string> = {}) => ({
  status,
  headers,
  json: { errors },
  taken: undefined,
});

describe("answers", () => {
  test.each([
    [301, "", "PROVIDER_UNAVAILABLE", "redirects"],
    [307, "", "PROVIDER_UNAVAILABLE", "standby"],
    [400, "cipher: message authentication failed", "ENVELOPE_REFUSED", "did not make this blob"],
    [400, "chacha20poly1305: message authentication failed", "ENVELOPE_REFUSED", "did not make this blob"],
    [400, "invalid ciphertext: no prefix", "ENVELOPE_REFUSED", "did not make this blob"],
    [400, "invalid ciphertext: version is too new", "ENVELOPE_REFUSED", "did not make this blob"],
    [
      400,
      "ciphertext or signature version is disallowed by policy (too old)",
      "KEY_DISABLED",
      "min_decryption_version",
    ],
    [400, "encryption key not found", "KEY_DISABLED", "restore it from its backup"],
    [400, "refusing to use soft-deleted key", "KEY_DISABLED", "restore it from its backup"],
    [403, "permission denied", "KEY_DISABLED", "allow it in the policy"],
    [404, "", "KEY_DISABLED", "the server has no transit/decrypt/kb"],
    [404, 'no handler for route "x". route entry not found.', "KEY_DISABLED", "correct mount"],
    [404, "namespace not found", "KEY_DISABLED", "namespace"],
    [412, "required index state not present", "PROVIDER_UNAVAILABLE", "not caught up"],
    [429, "rate limit quota exceeded", "PROVIDER_UNAVAILABLE", "limits our rate"],
    [472, "", "PROVIDER_UNAVAILABLE", "replication standby"],
    [473, "", "PROVIDER_UNAVAILABLE", "replication standby"],
    [500, "internal error", "PROVIDER_UNAVAILABLE", "failed"],
    [500, "local node not active but active cluster node not found", "PROVIDER_UNAVAILABLE", "standby"],
    [501, "", "PROVIDER_UNAVAILABLE", "not initialised"],
    [502, "", "PROVIDER_UNAVAILABLE", "proxy"],
    [503, "Vault is sealed", "PROVIDER_UNAVAILABLE", "sealed: bao operator unseal"],
    [503, "", "PROVIDER_UNAVAILABLE", "failed"],
    [504, "", "PROVIDER_UNAVAILABLE", "proxy"],
  ] as const)("%i %s", (status, words, reason, message) => {
    const error = failureOf(answer(status, words === "" ? [] : [words]), where);
    expect(error).toMatchObject({ reason, message: expect.stringContaining(message) as string });
  });

  test("another refusal is nobody's outage: the broker counts it as internal", () => {
    expect(isBrokerError(failureOf(answer(400, ["something new"]), where))).toBe(false);
    expect(isBrokerError(failureOf(answer(418), where))).toBe(false);
  });

  test.each([
    ["3", 3_000],
    ["0", 0],
    ["86400", 60_000],
    ["nonsense", 1_000],
  ])("Retry-After: %s is a hint of %i ms", (header, retryAfterMs) => {
    expect(failureOf(answer(429, [], { "retry-after": header }), where)).toMatchObject({ retryAfterMs });
  });

  test("Retry-After may be a date", () => {
    const date = new Date(Date.now() + 10_000).toUTCString();
    const { retryAfterMs } = failureOf(answer(503, [], { "retry-after": date }), where) as { retryAfterMs?: number };
    expect(retryAfterMs).toBeGreaterThan(8_000);
    expect(retryAfterMs).toBeLessThanOrEqual(10_000);
  });

  test("what a proxy repeats of the request is left out", () => {
    const secret = "hvs.CAESIJlongenoughtobeatoken0123456789";
    const error = failureOf(answer(500, [`bad request: {"token":"${secret}"}`]), where);
    expect(`${error.message} ${String(error.cause)}`).not.toContain(secret);
  });

  test.each([undefined, null, 7, "text", { errors: "text" }, { errors: [7] }])(
    "an answer of %j is survived",
    (json) => {
      expect(failureOf({ status: 500, headers: {}, json, taken: undefined }, where)).toMatchObject({
        reason: "PROVIDER_UNAVAILABLE",
      });
    },
  );

  test("an answer that lacks what it must have may be asked for again", () => {
    expect(damaged(where)).toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringContaining("damaged") as string,
    });
  });
});

describe("connections", () => {
  test.each([
    ["ECONNREFUSED", "nothing listens"],
    ["ENOTFOUND", "DNS"],
    ["ECONNRESET", "cut"],
    ["CERT_HAS_EXPIRED", "expired"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "name it with ca"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "TLS failed"],
    ["EUNHEARDOF", "no answer"],
  ])("%s", (code, words) => {
    const error = unreachable(Object.assign(new Error("bytes of a secret"), { code }), "https://vault.example");
    expect(error).toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message: expect.stringContaining(words) as string });
    expect(`${error.message} ${String(error.cause)}`).not.toContain("bytes of a secret");
  });
});
