// What stands in the configuration for the aws-kms provider.

import { z } from "zod";
import { text } from "../../src/provider/index.ts";
import { parseKeyName } from "./arn.ts";

const regionName = text()
  .pipe(z.string().regex(/^[a-z]{2,8}(-[a-z]{2,12}){1,3}-\d{1,2}$/, "expected a region's name, like eu-central-1"))
  .describe("An AWS region, like `eu-central-1`.");

const endpoint = text()
  .pipe(z.string().refine(isSafeEndpoint, "expected an https:// URL; http:// is for loopback alone"))
  .describe("The URL of the service, where it is not AWS's own: a VPC endpoint. `https://`, but on loopback.");

const roleArn = text()
  .pipe(z.string().regex(/^arn:[a-z-]+:iam::\d{12}:role\/[\w+=,.@/-]+$/, "expected a role's ARN"))
  .describe("The role to take on.");

const sessionName = text()
  .pipe(z.string().regex(/^[\w+=,.@-]{2,64}$/, "expected 2 to 64 characters of A-Z, a-z, 0-9 and +=,.@_-"))
  .default("keybroker")
  .describe("The session's name in CloudTrail.");

const seconds = z
  .string()
  .regex(/^(\d{1,5})(ms|s)$/, "expected a time like 500ms or 2s")
  .transform((value) => Number.parseInt(value, 10) * (value.endsWith("ms") ? 1 : 1_000))
  .refine((ms) => ms >= 10 && ms <= 60_000, "expected 10ms to 60s");

/** The schema of the provider's settings. */
export const settings = z
  .strictObject({
    region: regionName,
    endpoint: endpoint.optional(),
    stsEndpoint: endpoint.optional().describe("The URL of STS, where roles are taken on elsewhere than at AWS's own."),
    assumeRole: z
      .strictObject({
        roleArn,
        externalId: text().optional().describe("What the role's trust policy asks for as `sts:ExternalId`."),
        sessionName,
      })
      .optional()
      .describe("Take on this role with the credentials of the SDK's default chain."),
    webIdentity: z
      .strictObject({
        roleArn,
        tokenFile: text().describe("The file with the identity provider's token, read anew for every session."),
        sessionName,
      })
      .optional()
      .describe("Take on this role with a token from a file. Where neither is set: the SDK's default chain."),
    fallbackRegions: z
      .array(z.union([regionName, z.strictObject({ region: regionName, endpoint: endpoint.optional() })]))
      .max(8)
      .default([])
      .transform((list) => list.map((one) => (typeof one === "string" ? { region: one, endpoint: undefined } : one)))
      .describe("Where replicas of multi-Region keys unwrap while `region` is out, in this order. They never wrap."),
    fallbackAfter: seconds
      .default(1_000)
      .describe("How long a region may take to unwrap before the next one is asked; `1s` when left out."),
  })
  .superRefine(({ assumeRole, webIdentity, region, fallbackRegions }, context) => {
    const report = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (assumeRole && webIdentity) report("webIdentity", "assumeRole and webIdentity cannot stand together");
    const names = [region, ...fallbackRegions.map((one) => one.region)];
    if (new Set(names).size < names.length) report("fallbackRegions", "a region is named twice");
  });

/** The schema of a reference to a master key. */
export const reference = z.strictObject({
  key: text()
    .pipe(z.string().refine((name) => parseKeyName(name), "expected a key ARN, an alias ARN, alias/NAME or a key id"))
    .describe("The KMS key: its ARN, an alias ARN, `alias/NAME` or a key id. All but the ARN are looked up at start."),
});

/** What the settings schema makes. */
export type AwsKmsSettings = z.output<typeof settings>;

/** What the reference schema makes. */
export type AwsKmsReference = z.output<typeof reference>;

/** Plain HTTP would show every share on the wire; `.test` and `.localhost` never leave a machine (RFC 6761). */
function isSafeEndpoint(value: string): boolean {
  const url = URL.parse(value);
  if (!url || url.username || url.password || url.search || url.hash) return false;
  if (url.protocol === "https:") return true;
  const isLocal = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost|[a-z0-9.-]+\.(test|localhost))$/.test(url.hostname);
  return url.protocol === "http:" && isLocal;
}
