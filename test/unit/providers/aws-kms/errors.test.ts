// What AWS may answer, and what becomes of it.

import { describe, expect, test } from "vitest";
import { asBrokerError, credentialsError, knownErrors } from "../../../../providers/aws-kms/errors.ts";
import type { Lie } from "../../../fakes/aws-kms/index.ts";
import { failure, material, startSetting, unwrap, wordsOf, wrap } from "./setting.ts";

/** A working master key, a blob, and what the endpoint is told from then on. */
async function lying(lie: Lie) {
  const { aws, masterKey } = await startSetting();
  const key = await masterKey(aws.keys.create().arn);
  const blob = await wrap(key);
  await unwrap(key, blob);
  const told = aws.lie(lie, ({ operation }) => operation.endsWith("crypt"));
  return { aws, key, blob, told };
}

/** Names from the operations' lists of errors and from the list of common ones. */
const reasons = {
  ENVELOPE_REFUSED: ["InvalidCiphertextException", "IncorrectKeyException"],
  KEY_DISABLED: ["DisabledException", "NotFoundException", "InvalidArnException", "InvalidKeyUsageException"],
  PROVIDER_UNAVAILABLE: [
    "KeyUnavailableException",
    "DependencyTimeoutException",
    "KMSInternalException",
    "KMSInvalidStateException",
    "ThrottlingException",
    "com.amazonaws.kms#ThrottlingException",
    "InternalFailure",
    "ServiceUnavailable",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
  ],
};
const named = Object.entries(reasons).flatMap(([reason, names]) => names.map((name) => [name, reason] as const));

describe("by name", () => {
  test.each(named)("%s is %s", async (name, reason) => {
    expect(knownErrors).toContain(name.replace(/^.*#/, ""));
    const { key, blob, told } = await lying({ kind: "error", name });
    expect((await failure(unwrap(key, blob))).reason).toBe(reason);
    expect((await failure(wrap(key))).reason).toBe(reason);
    expect(told.hits).toBe(2);
  });

  test("what has no row is not taken for anything: it keeps its name", async () => {
    const { key } = await lying({ kind: "error", name: "TeapotException" });
    const error: unknown = await wrap(key).catch((caught: unknown) => caught);
    expect(error).toHaveProperty("name", "TeapotException");
    expect(error).not.toHaveProperty("reason");
  });

  test("names of Object's own are no rows", () => {
    const error = Object.assign(new Error(), { name: "constructor" });
    expect(asBrokerError(error)).not.toHaveProperty("reason");
  });
});

describe("without a name", () => {
  test.each([500, 502, 503, 504])("HTTP %d with HTML is an outage", async (status) => {
    const { key } = await lying({ kind: "HTML", status });
    expect(await failure(wrap(key))).toMatchObject({ reason: "PROVIDER_UNAVAILABLE", retryAfterMs: undefined });
  });

  test("HTTP 429 is throttling", async () => {
    const { key } = await lying({ kind: "HTML", status: 429 });
    expect((await failure(wrap(key))).message).toContain("throttling");
  });

  test.each(["HTML", "error"] as const)("a delay that is named is passed on: %s", async (kind) => {
    const { key } = await lying({ kind, status: 503, name: "ServiceUnavailable", retryAfter: "7" });
    expect(await failure(wrap(key))).toMatchObject({ reason: "PROVIDER_UNAVAILABLE", retryAfterMs: 7_000 });
  });

  test.each([{ kind: "reset" }, { kind: "truncated JSON" }, { kind: "truncated message" }] as const)(
    "an answer cut short is an outage: $kind",
    async (lie) => {
      const { key, blob } = await lying(lie);
      expect((await failure(wrap(key))).reason).toBe("PROVIDER_UNAVAILABLE");
      expect((await failure(unwrap(key, blob))).reason).toBe("PROVIDER_UNAVAILABLE");
    },
  );

  test("an endpoint that is gone is an outage, and so is a name that nobody knows", async () => {
    const { aws, masterKey } = await startSetting();
    const id = aws.keys.create().arn;
    const key = await masterKey(id);
    await wrap(key);
    await aws.stop();
    expect(await failure(wrap(key))).toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message: /cannot be reached/ });
    const unknown = await masterKey(id, { stsEndpoint: "http://nowhere.keybroker.test:1" });
    expect(await failure(wrap(unknown))).toMatchObject({
      message: /STS cannot be reached: its host name is not known/,
    });
  });
});

describe("secrets", () => {
  const forms = (["hex", "base64", "base64url", "latin1"] as const).map((form) => material.toString(form));

  test.each([
    { kind: "truncated JSON" },
    { kind: "fields", fields: { KeyId: "arn:aws:kms:eu-central-1:111122223333:key/another" } },
    { kind: "fields", fields: { KeyId: undefined } },
  ] as const)("an answer that is not believed shows in no error: %j", async (lie) => {
    const { aws, key, blob } = await lying(lie);
    const said = wordsOf(await unwrap(key, blob).catch((error: unknown) => error));
    expect(said.length).toBeGreaterThan(50);
    for (const secret of [...forms.map((form) => form.slice(0, 16)), ...aws.sessions.secrets])
      expect(said).not.toContain(secret);
  });

  test("what a parser quotes is left out", () => {
    const error = Object.assign(new SyntaxError('Unexpected token in "{\\"Plaintext\\":\\"c2VjcmV0'), {
      $metadata: { httpStatusCode: 200 },
      $response: { body: "c2VjcmV0" },
    });
    expect(wordsOf(asBrokerError(error))).not.toContain("c2VjcmV0");
    expect(wordsOf(credentialsError(error))).not.toContain("c2VjcmV0");
  });
});
