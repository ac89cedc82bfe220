// The aws-kms provider under faults: the strict endpoint on loopback, which fails and lies as it is told.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { homeRegion, startAwsKms } from "../fakes/aws-kms/index.ts";
import type { AwsKms, Key, Lie } from "../fakes/aws-kms/index.ts";
import type { BackendFault, FaultBench, FaultSubject, Injected } from "./subject.ts";

const webIdentityToken = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJrZXlicm9rZXIifQ.faults";

const lies: Readonly<Partial<Record<BackendFault, Lie>>> = {
  hang: { kind: "hang" },
  "slow answer": { kind: "slow", everyMs: 5 },
  reset: { kind: "reset" },
  throttling: { kind: "error", name: "ThrottlingException" },
  "server error": { kind: "HTML", status: 503 },
  "truncated answer": { kind: "truncated JSON" },
  "bit flip": { kind: "bit flip" },
};

/** Faults that are a state of the account: what brings each about answers how it ends. */
const states: Readonly<Partial<Record<BackendFault, (aws: AwsKms, key: Key) => () => void>>> = {
  "expired credentials": ({ sessions }) => {
    sessions.expire();
    return () => undefined;
  },
  "revoked permission": (aws) => {
    aws.allow = (action) => action === "DescribeKey";
    return () => (aws.allow = () => true);
  },
  "disabled key": (_, key) => stateOf(key, "Disabled"),
  // What comes nearest to a lost store: the key is going to be deleted.
  "store deleted": (_, key) => stateOf(key, "PendingDeletion"),
};

function stateOf(key: Key, state: Key["state"]): () => void {
  key.state = state;
  return () => (key.state = "Enabled");
}

function inject(aws: AwsKms, key: Key, fault: BackendFault): Injected {
  const begin = states[fault];
  const lie = fault === "another key's answer" ? { kind: "fields" as const, fields: anotherKey(aws) } : lies[fault];
  if (!begin && !lie) throw new Error(`aws-kms has no fault "${fault}"`);
  const isAboutMaterial = fault === "bit flip" || fault === "another key's answer";
  const told = aws.lie(lie ?? { kind: "none" }, ({ operation }) => !isAboutMaterial || /crypt$/.test(operation));
  const end = begin?.(aws, key);
  const clear = () => {
    end?.();
    told.end();
    return Promise.resolve();
  };
  return { hits: () => told.hits, clear };
}

/** Another key, and in Decrypt's answer 64 bytes that it decrypted. */
function anotherKey({ keys }: AwsKms): Readonly<Record<string, string>> {
  return { KeyId: keys.create().arn, Plaintext: Buffer.alloc(64, 7).toString("base64") };
}

async function start(): Promise<FaultBench> {
  const folder = mkdtempSync(join(tmpdir(), "aws-kms-faults-"));
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, webIdentityToken);
  const aws = await startAwsKms();
  aws.sessions.tokens.add(webIdentityToken);
  const key = aws.keys.create();
  const providerAt = (host: string) => ({
    kind: "aws-kms",
    region: homeRegion,
    endpoint: `http://${host}:${aws.port}`,
    stsEndpoint: `http://${host}:${aws.port}`,
    webIdentity: { roleArn: aws.sessions.role, tokenFile },
  });
  return {
    provider: providerAt("127.0.0.1"),
    reference: { key: key.arn },
    secrets: [webIdentityToken, ...aws.sessions.secrets],
    providerAt,
    dropConnections: () => Promise.resolve(aws.drop()),
    inject: (fault) => new Promise((resolve) => resolve(inject(aws, key, fault))),
    calls: () => Promise.resolve({ wraps: aws.count("Encrypt"), unwraps: aws.count("Decrypt") }),
    async stop() {
      await aws.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const noChecksums = "KMS's API carries none: TLS and the blob's own tag stand in for them, and bit flips are tried";

export const subject: FaultSubject = {
  kind: "aws-kms",
  exempt: {
    "child killed": "its library runs inside the daemon: it has no child process",
    "wrong checksum": noChecksums,
    "missing checksum": noChecksums,
  },
  start,
};
