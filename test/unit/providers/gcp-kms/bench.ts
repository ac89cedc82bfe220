// A Cloud KMS on loopback, without TLS, and a provider before it.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import gcpKms from "../../../../providers/gcp-kms/index.ts";
import { bindingOf } from "../../../../src/provider/index.ts";
import type { MasterKey, Provider } from "../../../../src/provider/index.ts";
import type { Account } from "../../../fakes/gcp-kms/accounts.ts";
import { startFakeGcpKms } from "../../../fakes/gcp-kms/server.ts";
import type { FakeGcpKms } from "../../../fakes/gcp-kms/server.ts";
import type { KeyOptions, StoredKey } from "../../../fakes/gcp-kms/store.ts";

const ring = "projects/keybroker-test/locations/global/keyRings/kb/cryptoKeys";

export const never = (): AbortSignal => new AbortController().signal;

export const binding = bindingOf({
  suite: 1,
  realm: "unit",
  key: "unit/key",
  share: 1,
  threshold: 1,
  recipients: 1,
  branchId: Buffer.alloc(16, 7),
});

export interface Bench {
  readonly fake: FakeGcpKms;
  readonly account: Account;
  readonly folder: string;
  /** Settings as they stand in a configuration. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly provider: Provider;
  /** A new key of the fake, and the master key that the provider makes of it. */
  key(options?: KeyOptions): Promise<{ readonly stored: StoredKey; readonly key: MasterKey }>;
  /** The provider's answer to a reference by name. */
  masterKey(name: string, provider?: Provider): Promise<MasterKey>;
  /** Another provider, with settings changed. */
  open(changes: Readonly<Record<string, unknown>>): Promise<Provider>;
  stop(): Promise<void>;
}

export async function startBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "gcp-kms-unit-"));
  const fake = await startFakeGcpKms();
  const account = fake.account("broker@keybroker-test.iam.gserviceaccount.com");
  const credentials = `file:${account.write(join(folder, "credentials.json"))}`;
  const settings = { credentials, endpoint: `127.0.0.1:${fake.port}`, insecure: true };
  const opened: Provider[] = [];
  const open = async (changes: Readonly<Record<string, unknown>>) => {
    const provider = await gcpKms.open(gcpKms.settings.parse({ ...settings, ...changes }) as never);
    opened.push(provider);
    return provider;
  };
  const provider = await open({});
  const masterKey = (name: string, asked = provider) => asked.masterKey(gcpKms.reference.parse({ key: name }), never());
  let count = 0;
  return {
    fake,
    account,
    folder,
    settings,
    provider,
    async key(options) {
      const stored = fake.store.create(`${ring}/key-${++count}`, options);
      return { stored, key: await masterKey(stored.name) };
    },
    masterKey,
    open,
    async stop() {
      await Promise.all(opened.map((one) => one.close()));
      fake.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A material like the broker's, and its blob. */
export async function wrapped(key: MasterKey) {
  const material = randomBytes(64);
  return { material, ...(await key.wrap(Buffer.from(material), binding, never())) };
}
