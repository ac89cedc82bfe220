// The gcp-kms provider, held to the cases that every provider is held to, against a Cloud KMS on loopback.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import gcpKms from "../../providers/gcp-kms/index.ts";
import { conformanceCases } from "../../src/provider/conformance.ts";
import type { ConformanceHarness } from "../../src/provider/conformance.ts";
import { createAuthority } from "../backends/certificates.ts";
import { startFakeGcpKms } from "../fakes/gcp-kms/server.ts";
import type { FakeGcpKms } from "../fakes/gcp-kms/server.ts";

const folder = mkdtempSync(join(tmpdir(), "gcp-kms-"));
const ring = "projects/keybroker-test/locations/europe-west3/keyRings/kb/cryptoKeys";
let fake: FakeGcpKms;
let ca: string;

beforeAll(async () => {
  const authority = await createAuthority(folder, "gcp-kms");
  const tls = await authority.issue("server", [{ type: "dns", value: "localhost" }]);
  ca = authority.ca;
  fake = await startFakeGcpKms({ tls });
});

afterAll(() => {
  fake.stop();
  rmSync(folder, { recursive: true });
});

let count = 0;

function harnessOf(): ConformanceHarness {
  const mine = `${ring}/case-${++count}`;
  const other = `${mine}-other`;
  const key = fake.store.create(mine);
  fake.store.create(other);
  const account = fake.account(`broker-${count}@keybroker-test.iam.gserviceaccount.com`);
  const credentials = `file:${account.write(join(folder, `${count}.json`))}`;
  return {
    kind: gcpKms,
    settings: () => ({ credentials, endpoint: `localhost:${fake.port}`, ca }),
    reference: () => ({ key: mine }),
    otherReference: () => ({ key: other }),
    secrets: () => account.secrets,
    rotate: () => Promise.resolve(void (key.primary = fake.store.addVersion(key))),
    disable() {
      key.primary!.state = "DISABLED";
      return Promise.resolve(() => Promise.resolve(void (key.primary!.state = "ENABLED")));
    },
  };
}

test.each(conformanceCases)("$name", async ({ run }) => {
  expect(await run(harnessOf())).toBe("passed");
});
