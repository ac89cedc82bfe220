// What stands under a gcp-kms provider and in a recipient that uses it.

import { z } from "zod";
import { file, secret, text } from "../../src/provider/index.ts";
import { isAddress, isLoopback, parseEndpoint } from "./endpoint.ts";
import { keyNameFault } from "./key-name.ts";

const endpoint = text().transform((value, context) => {
  const parsed = parseEndpoint(value);
  if (parsed) return parsed;
  context.addIssue({ code: "custom", message: "expected host or host:port, without https:// before it" });
  return z.NEVER;
});

/** What stands beside `kind: gcp-kms`. */
export const settings = z
  .strictObject({
    credentials: secret()
      .optional()
      .describe(
        "The JSON of a service account's key or of workload identity federation. Left out: application default credentials.",
      ),
    only: z
      .enum(["wrap", "unwrap"])
      .optional()
      .describe("The one thing that these credentials may do, where they may not do both: probes ask for no more."),
    endpoint: endpoint.optional().describe("Host, or host:port, of a private endpoint."),
    ca: file().optional().describe("A PEM file of the authorities to trust instead of the system's."),
    insecure: z
      .boolean()
      .optional()
      .describe("Talk to a loopback endpoint without TLS, credentials and all: for tests."),
  })
  .superRefine(({ insecure, endpoint: address, ca }, context) => {
    const report = (message: string, field = "insecure") =>
      context.addIssue({ code: "custom", path: [field], message });
    if (address && isAddress(address) && !insecure)
      report("with TLS the endpoint is a name: certificates are checked against it", "endpoint");
    if (insecure && !(address && isLoopback(address)))
      report("only an endpoint on a loopback address may be used without TLS: set endpoint, or leave insecure out");
    if (insecure && ca !== undefined) report("without TLS there is nothing to check with ca: leave one of them out");
  });

/** What stands beside `provider` in a recipient. */
export const reference = z.strictObject({
  key: text()
    .transform((name, context) => {
      const fault = keyNameFault(name);
      if (fault === undefined) return name;
      context.addIssue({ code: "custom", message: fault });
      return z.NEVER;
    })
    .describe("The CryptoKey: projects/…/locations/…/keyRings/…/cryptoKeys/…, without a version."),
});

/** What the settings' schema makes. */
export type GcpKmsSettings = z.output<typeof settings>;

/** What the reference's schema makes. */
export type GcpKmsReference = z.output<typeof reference>;
