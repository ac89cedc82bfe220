// The aws-kms provider, held to the cases that every provider is held to: against the strict endpoint and against moto.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import awsKms from "../../providers/aws-kms/index.ts";
import { conformanceCases } from "../../src/provider/conformance.ts";
import type { ConformanceHarness } from "../../src/provider/conformance.ts";
import { available } from "../backends/available.ts";
import { motoServer, startMoto } from "../backends/moto.ts";
import type { Moto } from "../backends/moto.ts";
import { homeRegion, startAwsKms } from "../fakes/aws-kms/index.ts";
import type { AwsKms, Key } from "../fakes/aws-kms/index.ts";

describe("the strict endpoint", () => {
  let aws: AwsKms;
  let folder: string;
  beforeAll(async () => {
    aws = await startAwsKms();
    folder = mkdtempSync(join(tmpdir(), "aws-kms-"));
    aws.sessions.tokens.add("a.web.identity-token");
    writeFileSync(join(folder, "token"), "a.web.identity-token");
  });
  afterAll(async () => {
    await aws.stop();
    rmSync(folder, { recursive: true });
  });

  function harnessOf(key: Key, reference: string, other: Key): ConformanceHarness {
    return {
      kind: awsKms,
      settings: () => ({
        region: homeRegion,
        endpoint: aws.url,
        stsEndpoint: aws.url,
        webIdentity: { roleArn: aws.sessions.role, tokenFile: join(folder, "token") },
      }),
      reference: () => ({ key: reference }),
      otherReference: () => ({ key: other.arn }),
      secrets: () => [...aws.sessions.tokens, ...aws.sessions.secrets],
      rotate: () => Promise.resolve(void aws.keys.rotate(key)),
      disable() {
        key.state = "Disabled";
        return Promise.resolve(() => Promise.resolve(void (key.state = "Enabled")));
      },
    };
  }

  test.each(conformanceCases)("$name", async ({ run }) => {
    const key = aws.keys.create();
    expect(await run(harnessOf(key, key.arn, aws.keys.create()))).toBe("passed");
  });

  test.each(conformanceCases)("by alias: $name", async ({ run }) => {
    const key = aws.keys.create({ multiRegion: true });
    const alias = aws.keys.alias(`keybroker/${key.id}`, key);
    expect(await run(harnessOf(key, alias, aws.keys.create()))).toBe("passed");
  });
});

const moto = available(motoServer);

describe.skipIf(!moto)("moto", () => {
  let server: Moto;
  beforeAll(async () => {
    server = await startMoto(moto!);
  });
  afterAll(() => server.stop());

  async function harnessOf(): Promise<ConformanceHarness> {
    const [key, other] = [await server.createKey(), await server.createKey()];
    return {
      kind: awsKms,
      settings: () => ({ region: server.region, endpoint: server.url }),
      reference: () => ({ key: key.arn }),
      otherReference: () => ({ key: other.arn }),
      secrets: () => [server.secretAccessKey],
    };
  }

  /** It answers a blob of another key with a denial, and knows no dry runs, which would tell that ours is not denied. */
  const wrong = [
    "another master key does not unwrap it",
    "every flipped byte is refused",
    "truncation and extension are refused",
  ];
  /** It names no key materials and goes on encrypting with one; disabled keys go on encrypting too. */
  const cannot = [
    "blobs open after a rotation, which says that a rewrap is due",
    "a disabled master key is told as such",
  ];

  test.each(conformanceCases)("$name", async ({ name, run }) => {
    const outcome = run(await harnessOf());
    if (wrong.includes(name)) await expect(outcome).rejects.toThrow(/KEY_DISABLED/);
    else expect(await outcome).toBe(cannot.includes(name) ? "skipped" : "passed");
  });
});
