// Master keys at the strict AWS endpoint.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import awsKms from "../../../providers/aws-kms/index.ts";
import { homeRegion, startAwsKms } from "../../fakes/aws-kms/index.ts";
import { testMaterial } from "./bench.ts";
import type { MasterBench } from "./bench.ts";

/** Starts it. The provider takes on a role with a token from a file, so that no variable is needed. */
export async function startAwsMasters(): Promise<MasterBench> {
  const aws = await startAwsKms();
  const folder = mkdtempSync(join(tmpdir(), "keybroker-masters-"));
  const tokenFile = join(folder, "token");
  aws.sessions.tokens.add("a.web.identity-token");
  writeFileSync(tokenFile, "a.web.identity-token");
  const webIdentity = { roleArn: aws.sessions.role, tokenFile };
  return {
    kind: awsKms,
    backend: "test/fakes/aws-kms",
    backendVersion: "0.1.0",
    settings: () => ({ region: homeRegion, endpoint: aws.url, stsEndpoint: aws.url, webIdentity }),
    bring(name, kept) {
      const made = { keyId: "5c1e7a10-94bb-4d2e-8f0c-2b6a9d3e1f47", material: testMaterial(name, 32).toString("hex") };
      const restore = kept?.restore ?? made;
      const key = aws.keys.create({ id: restore["keyId"], material: Buffer.from(restore["material"], "hex") });
      return Promise.resolve({ reference: { key: key.arn }, restore });
    },
    async stop() {
      await aws.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
