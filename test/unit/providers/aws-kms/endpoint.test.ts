// Where requests go: where the configuration says, and nowhere else.

import * as credentials from "@aws-sdk/credential-providers";
import * as kms from "@aws-sdk/client-kms";
import { afterEach, expect, test } from "vitest";
import { createRegions } from "../../../../providers/aws-kms/regions.ts";
import { settings } from "../../../../providers/aws-kms/settings.ts";
import { never } from "./setting.ts";

const variables = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] as const;
const before = variables.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

/** The host of a request to each region, which is not sent. */
async function hosts(configuration: object): Promise<readonly string[]> {
  process.env["AWS_ACCESS_KEY_ID"] = "AKIA0000000000000000";
  process.env["AWS_SECRET_ACCESS_KEY"] = "none";
  const found: string[] = [];
  for (const region of createRegions(settings.parse(configuration), { kms, credentials })) {
    const asked = region.ask(never, (client) => {
      const watch: kms.KMSClient["middlewareStack"] = client.middlewareStack;
      watch.add(
        () => (args) => {
          const { protocol, hostname } = args.request as { protocol: string; hostname: string };
          found.push(`${protocol}//${hostname}`);
          return Promise.reject(new Error("not sent"));
        },
        { step: "finalizeRequest", priority: "low" },
      );
      return client.send(new kms.DescribeKeyCommand({ KeyId: "alias/any" }));
    });
    await expect(asked).rejects.toThrow();
    region.close();
  }
  return found;
}

test("requests go to AWS's own endpoints, each region's", async () => {
  expect(await hosts({ region: "eu-central-1", fallbackRegions: ["eu-west-1"] })).toEqual([
    "https://kms.eu-central-1.amazonaws.com",
    "https://kms.eu-west-1.amazonaws.com",
  ]);
});

test("variables of the environment send nothing elsewhere", async () => {
  process.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1";
  process.env["AWS_ENDPOINT_URL_KMS"] = "http://127.0.0.1:2";
  expect(await hosts({ region: "eu-central-1" })).toEqual(["https://kms.eu-central-1.amazonaws.com"]);
});

test("a configured endpoint is that of its region alone", async () => {
  const endpoint = "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com";
  expect(await hosts({ region: "eu-central-1", endpoint, fallbackRegions: ["eu-west-1"] })).toEqual([
    endpoint,
    "https://kms.eu-west-1.amazonaws.com",
  ]);
});
