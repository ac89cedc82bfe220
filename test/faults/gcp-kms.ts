// The gcp-kms provider under faults: a Cloud KMS on loopback, over TLS, that fails and lies as it is told.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { createAuthority } from "../backends/certificates.ts";
import type { Account } from "../fakes/gcp-kms/accounts.ts";
import type { Lie } from "../fakes/gcp-kms/lies.ts";
import { anotherKey, bitFlip, cutMessage, noChecksum, wrongChecksum } from "../fakes/gcp-kms/lying.ts";
import { exhausted, Refusal } from "../fakes/gcp-kms/refusal.ts";
import { startFakeGcpKms } from "../fakes/gcp-kms/server.ts";
import type { FakeGcpKms } from "../fakes/gcp-kms/server.ts";
import type { State, StoredKey } from "../fakes/gcp-kms/store.ts";
import { backendHost } from "./subject.ts";
import type { BackendFault, FaultBench, FaultSubject, Injected } from "./subject.ts";

const keyName = "projects/keybroker-test/locations/europe-west3/keyRings/kb/cryptoKeys/faults";

const lies: Readonly<Partial<Record<BackendFault, Lie>>> = {
  hang: { kind: "hang" },
  "slow answer": { kind: "slow", delayMs: 600 },
  reset: { kind: "reset" },
  throttling: { kind: "refuse", refusal: () => exhausted(200) },
  "server error": { kind: "refuse", refusal: () => new Refusal(status.INTERNAL, "Internal error encountered.") },
  "another key's answer": anotherKey,
  "truncated answer": cutMessage,
  "bit flip": bitFlip,
  "wrong checksum": wrongChecksum,
  "missing checksum": noChecksum,
};

const everyCall = ["encrypt", "decrypt", "getCryptoKey"];

/** What its parts are when a fault is injected. */
interface Parts {
  readonly fake: FakeGcpKms;
  readonly account: Account;
  readonly key: StoredKey;
}

/** Faults that are a state of the service rather than a lie: how to bring each about, and the status that tells it. */
const states: Readonly<Partial<Record<BackendFault, readonly [code: status, begin: (parts: Parts) => () => void]>>> = {
  "expired credentials": [status.UNAUTHENTICATED, ({ account }) => account.revoke()],
  "revoked permission": [
    status.PERMISSION_DENIED,
    ({ account }) => {
      const ends = ["Encrypt", "Decrypt"].map((use) => account.deny(`cloudkms.cryptoKeyVersions.useTo${use}`));
      return () => ends.forEach((end) => end());
    },
  ],
  "disabled key": [status.FAILED_PRECONDITION, ({ key }) => setAll(key, "DISABLED")],
  // What comes nearest to a lost store: every version is about to be destroyed.
  "store deleted": [status.FAILED_PRECONDITION, ({ key }) => setAll(key, "DESTROY_SCHEDULED")],
};

function setAll({ versions }: StoredKey, state: State): () => void {
  for (const version of versions) version.state = state;
  return () => versions.forEach((version) => (version.state = "ENABLED"));
}

function inject(parts: Parts, fault: BackendFault): Injected {
  const lie = lies[fault];
  if (lie) {
    const told = parts.fake.tell(lie);
    return { hits: () => told.hits(), clear: () => Promise.resolve(told.end()) };
  }
  const state = states[fault];
  if (!state) throw new Error(`gcp-kms has no fault "${fault}"`);
  const [code, begin] = state;
  const before = parts.fake.refusals(code);
  const end = begin(parts);
  return { hits: () => parts.fake.refusals(code) - before, clear: () => Promise.resolve(end()) };
}

async function start(): Promise<FaultBench> {
  const folder = mkdtempSync(join(tmpdir(), "gcp-kms-faults-"));
  const authority = await createAuthority(folder, "gcp-kms");
  const names = ["localhost", backendHost].map((value) => ({ type: "dns" as const, value }));
  const fake = await startFakeGcpKms({ tls: await authority.issue("server", names) });
  const account = fake.account("keybroker@keybroker-test.iam.gserviceaccount.com");
  const credentials = `file:${account.write(join(folder, "credentials.json"))}`;
  const parts: Parts = { fake, account, key: fake.store.create(keyName) };
  const providerAt = (host: string) => ({
    kind: "gcp-kms",
    credentials,
    endpoint: `${host}:${fake.port}`,
    ca: authority.ca,
  });
  return {
    provider: providerAt("localhost"),
    reference: { key: keyName },
    secrets: account.secrets,
    providerAt,
    // A connection that ends is made again with the address that is known; one that hangs is left for good.
    dropConnections: () => Promise.resolve(void fake.tell({ kind: "hang" }, { times: 1, methods: everyCall })),
    inject: (fault) => new Promise((resolve) => resolve(inject(parts, fault))),
    // The proof that the server binds what it wraps.
    ownCalls: { wraps: 1, unwraps: 1 },
    calls: () => Promise.resolve({ wraps: fake.calls("encrypt"), unwraps: fake.calls("decrypt") }),
    stop() {
      fake.stop();
      return Promise.resolve(rmSync(folder, { recursive: true, force: true }));
    },
  };
}

export const subject: FaultSubject = {
  kind: "gcp-kms",
  exempt: { "child killed": "its library runs inside the daemon: it has no child process" },
  start,
};
