// A strict endpoint and an open aws-kms provider, for each test that asks.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import awsKms from "../../../../providers/aws-kms/index.ts";
import { isBrokerError } from "../../../../src/errors/index.ts";
import type { BrokerError } from "../../../../src/errors/index.ts";
import { bindingOf } from "../../../../src/provider/index.ts";
import type { Finding, MasterKey, Provider } from "../../../../src/provider/index.ts";
import { homeRegion, startAwsKms } from "../../../fakes/aws-kms/index.ts";
import type { AwsKms } from "../../../fakes/aws-kms/index.ts";

export const never = new AbortController().signal;
export const material = Buffer.alloc(64, "a share of a branch key, and a hash of what it is bound to. ");
export const binding = bindingOf({
  suite: 1,
  realm: "prod",
  key: "backups/db",
  branchId: Buffer.alloc(16, 5),
  share: 1,
  threshold: 1,
  recipients: 1,
});

/** An endpoint, and what it takes to use it. */
export interface Setting {
  readonly aws: AwsKms;
  readonly tokenFile: string;
  /** Settings that reach the endpoint with a web identity; `changes` over them. */
  readonly settings: (changes?: object) => object;
  readonly open: (changes?: object) => Promise<Provider>;
  /** The master key that a new provider has for a reference. */
  readonly masterKey: (key: string, changes?: object) => Promise<MasterKey>;
}

/** Starts an endpoint that ends with the test. */
export async function startSetting(): Promise<Setting> {
  const aws = await startAwsKms();
  const folder = mkdtempSync(join(tmpdir(), "aws-kms-unit-"));
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, "a-web-identity-token");
  aws.sessions.tokens.add("a-web-identity-token");
  onTestFinished(async () => {
    await aws.stop();
    rmSync(folder, { recursive: true });
  });
  const settings = (changes: object = {}) => ({
    region: homeRegion,
    endpoint: aws.url,
    stsEndpoint: aws.url,
    webIdentity: { roleArn: aws.sessions.role, tokenFile },
    ...changes,
  });
  const open = async (changes?: object) => {
    const provider = await awsKms.open(awsKms.settings.parse(settings(changes)) as never);
    onTestFinished(() => provider.close());
    return provider;
  };
  return {
    aws,
    tokenFile,
    settings,
    open,
    masterKey: async (key, changes) => (await open(changes)).masterKey({ key }, never),
  };
}

export const wrap = (key: MasterKey) => key.wrap(material, binding, never);
export const unwrap = (key: MasterKey, { wrapped, scheme }: { wrapped: Uint8Array; scheme: number }) =>
  key.unwrap(wrapped, scheme, binding, never);

/** All findings, to the last. */
export async function findingsOf(examined: AsyncIterable<Finding>): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for await (const finding of examined) findings.push(finding);
  return findings;
}

/** The BrokerError that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<BrokerError> {
  const error: unknown = await promise.then(
    (value) => new Error(`it was answered: ${JSON.stringify(value)}`),
    (caught: unknown) => caught,
  );
  if (!isBrokerError(error)) throw error as Error;
  return error;
}

/** Everything that a log could print of an error. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const fields = Object.getOwnPropertyNames(error).map((name) => String((error as never)[name]));
  return [...fields, error.cause === undefined ? "" : wordsOf(error.cause)].join("\n");
}
