// Master keys at the Cloud KMS on loopback.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import gcpKms from "../../../providers/gcp-kms/index.ts";
import { startFakeGcpKms } from "../../fakes/gcp-kms/server.ts";
import { testMaterial } from "./bench.ts";
import type { MasterBench } from "./bench.ts";

const ring = "projects/keybroker-test/locations/europe-west3/keyRings/kb/cryptoKeys";

/** Starts it. */
export async function startGcpMasters(): Promise<MasterBench> {
  const fake = await startFakeGcpKms();
  const folder = mkdtempSync(join(tmpdir(), "keybroker-masters-"));
  const account = fake.account("broker@keybroker-test.iam.gserviceaccount.com");
  const credentials = `file:${account.write(join(folder, "credentials.json"))}`;
  return {
    kind: gcpKms,
    backend: "test/fakes/gcp-kms",
    backendVersion: "0.1.0",
    settings: () => ({ credentials, endpoint: `127.0.0.1:${fake.port}`, insecure: true }),
    bring(name, kept) {
      const made = {
        name: `${ring}/recorded`,
        key: testMaterial(name, 32).toString("hex"),
        mark: `0a${testMaterial(`${name} mark`, 8).toString("hex")}`,
      };
      const restore = kept?.restore ?? made;
      const [key, mark] = [Buffer.from(restore["key"], "hex"), Buffer.from(restore["mark"], "hex")];
      const stored = fake.store.create(restore["name"], { material: { key, mark } });
      return Promise.resolve({ reference: { key: stored.name }, restore });
    },
    stop() {
      fake.stop();
      rmSync(folder, { recursive: true });
      return Promise.resolve();
    },
  };
}
