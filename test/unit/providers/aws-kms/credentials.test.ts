// Where credentials come from, and what happens when they end, are refused, or a clock is off.

import { rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { failure, findingsOf, material, never, startSetting, unwrap, wrap } from "./setting.ts";

/** What the default chain may find on a developer's machine is none of these tests' business. */
const ours = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_SESSION_TOKEN: undefined,
  AWS_PROFILE: undefined,
  AWS_WEB_IDENTITY_TOKEN_FILE: undefined,
  AWS_ROLE_ARN: undefined,
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: undefined,
  AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined,
  AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
  AWS_CONFIG_FILE: "/nonexistent",
  AWS_EC2_METADATA_DISABLED: "true",
};
let before: NodeJS.ProcessEnv;
beforeEach(() => {
  before = { ...process.env };
  setVariables(ours);
});
afterEach(() => setVariables(Object.fromEntries(Object.keys(ours).map((name) => [name, before[name]]))));

function setVariables(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

const chain = { webIdentity: undefined };

describe("sources", () => {
  test("a web identity's token is read anew for every session", async () => {
    const { aws, masterKey, tokenFile } = await startSetting();
    const key = await masterKey(aws.keys.create().arn);
    const blob = await wrap(key);
    writeFileSync(tokenFile, "the-next-token");
    aws.sessions.tokens.clear();
    aws.sessions.tokens.add("the-next-token");
    aws.sessions.expire();
    expect((await failure(unwrap(key, blob))).message).toContain("have expired");
    expect((await unwrap(key, blob)).material).toEqual(material);
    expect(aws.sessions.count()).toBe(2);
  });

  test("the SDK's default chain finds a user's key in the environment", async () => {
    const { aws, masterKey } = await startSetting();
    const { accessKeyId, secretAccessKey } = aws.user;
    setVariables({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
    const key = await masterKey(aws.keys.create().arn, chain);
    expect((await unwrap(key, await wrap(key))).material).toEqual(material);
    expect(aws.sessions.count()).toBe(0);
  });

  test("a role is taken on with what the default chain finds, and with the external id", async () => {
    const { aws, masterKey } = await startSetting();
    const { accessKeyId, secretAccessKey } = aws.user;
    setVariables({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
    const { role: roleArn, externalId } = aws.sessions;
    const { arn } = aws.keys.create();
    const key = await masterKey(arn, { ...chain, assumeRole: { roleArn, externalId } });
    expect((await unwrap(key, await wrap(key))).material).toEqual(material);
    expect(aws.sessions.count()).toBe(1);
    const wrong = await masterKey(arn, { ...chain, assumeRole: { roleArn, externalId: "another" } });
    expect(await failure(wrap(wrong))).toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message: /trust policy/ });
  });

  test("none at all is an outage that says where they would come from, and it ends when they are there", async () => {
    const { aws, masterKey } = await startSetting();
    const key = await masterKey(aws.keys.create().arn, chain);
    expect(await failure(wrap(key))).toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message: /AWS_PROFILE/ });
    const { accessKeyId, secretAccessKey } = aws.user;
    setVariables({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
    expect((await unwrap(key, await wrap(key))).material).toEqual(material);
  });
});

describe("refusals", () => {
  test("a token that STS does not take, and a file that is not there, are outages that heal by themselves", async () => {
    const { aws, masterKey, tokenFile } = await startSetting();
    const key = await masterKey(aws.keys.create().arn);
    writeFileSync(tokenFile, "a-token-of-nobody");
    expect(await failure(wrap(key))).toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message: /web identity token/ });
    rmSync(tokenFile);
    expect(await failure(wrap(key))).toMatchObject({ message: /file is not there/ });
    writeFileSync(tokenFile, "a-web-identity-token");
    await wrap(key);
  });

  test("a session that AWS no longer knows is replaced", async () => {
    const { aws, masterKey } = await startSetting();
    const key = await masterKey(aws.keys.create().arn);
    await wrap(key);
    const told = aws.lie({ kind: "error", name: "UnrecognizedClientException" });
    expect((await failure(wrap(key))).reason).toBe("PROVIDER_UNAVAILABLE");
    told.end();
    await wrap(key);
    expect(aws.sessions.count()).toBe(2);
  });

  test("calls that meet the same expiry side by side all recover", async () => {
    const { aws, masterKey } = await startSetting();
    const key = await masterKey(aws.keys.create().arn);
    const blob = await wrap(key);
    aws.sessions.expire();
    const calls = Array.from({ length: 20 }, () => unwrap(key, blob));
    expect((await Promise.allSettled(calls)).every(({ status }) => status === "rejected")).toBe(true);
    await Promise.all(Array.from({ length: 20 }, () => unwrap(key, blob)));
    expect(aws.sessions.count()).toBeLessThanOrEqual(3);
  });
});

describe("clocks", () => {
  test.each([3_600_000, -3_600_000])(
    "an endpoint whose clock is %d ms ahead is understood at the second call",
    async (ms) => {
      const { aws, masterKey } = await startSetting();
      const key = await masterKey(aws.keys.create().arn);
      const blob = await wrap(key);
      aws.clockAheadMs = ms;
      for (let call = 0; call < 4; call++) {
        try {
          expect((await unwrap(key, blob)).material).toEqual(material);
        } catch (error) {
          expect(error).toHaveProperty("reason", "PROVIDER_UNAVAILABLE");
          expect(call).toBeLessThan(2);
        }
      }
      aws.clockAheadMs = 0;
      await failure(unwrap(key, blob)).catch(() => undefined);
      expect((await unwrap(key, blob)).material).toEqual(material);
    },
  );

  test("doctor says that a clock is off", async () => {
    const { aws, open } = await startSetting();
    const { arn } = aws.keys.create();
    const provider = await open();
    aws.clockAheadMs = 3_600_000;
    const findings = await findingsOf(provider.examine!([{ key: arn }], never));
    expect(findings.find(({ check }) => check.startsWith("clock"))).toMatchObject({
      outcome: "bad",
      detail: /36\d\d s behind/,
    });
  });
});
