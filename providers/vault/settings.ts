// What stands in the configuration for this kind: the server, how to log in there, and the name of a transit key.

import { z } from "zod";
import { secret, text } from "../../src/provider/index.ts";

const segment = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?";
const pathWords = "1 to 128 characters of A-Z, a-z, 0-9, '_', '-' and '.', with '/' between segments";

/** A name that stands in a URL's path as it is: nothing to escape, no segment that climbs. */
const path = z
  .string()
  .max(128)
  .regex(
    new RegExp(`^${segment}(?:/${segment})*$`),
    `expected ${pathWords}, none at either end but letters, digits and '_'`,
  );
const nameWords =
  "expected 1 to 128 characters of A-Z, a-z, 0-9, '_', '-' and '.', the first and last of them no '-' or '.'";
const keyName = z.string().regex(new RegExp(`^${segment}$`), nameWords);
const roleName = z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, "expected the role's name");
const file = z.string().regex(/^\//, "expected an absolute path");

const projectedToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const loopback = new Set(["127.0.0.1", "localhost", "[::1]"]);

const address = text().transform((value, context) => {
  const fault = faultOfAddress(value);
  if (fault === undefined) return new URL(value).origin;
  context.addIssue({ code: "custom", message: fault });
  return z.NEVER;
});

function faultOfAddress(value: string): string | undefined {
  if (!URL.canParse(value)) return "expected the server's address, such as https://vault.example:8200";
  const url = new URL(value);
  if (url.protocol !== "https:" && url.protocol !== "http:") return "expected an address that begins with https://";
  if (url.username || url.password) return "a credential never stands in the address: it belongs under auth";
  if (url.pathname !== "/" || url.search || url.hash) return "the address ends after the host and port";
  if (url.protocol === "http:" && !loopback.has(url.hostname))
    return "plain http would show the token to the network: it is taken for a loopback address alone";
  return undefined;
}

const mountOf = (standard: string) =>
  path
    .default(standard)
    .describe(`Where the login is mounted, under \`auth/\`; \`${standard}\` unless it says otherwise.`);

const appRole = z
  .strictObject({
    roleId: text().describe("The role's id."),
    secretId: secret().describe("The secret id; read again at each login."),
    mount: mountOf("approle"),
  })
  .describe("AppRole: a role id and a secret id.");

const kubernetes = z
  .strictObject({
    role: roleName.describe("The role at the server that is bound to the pod's service account."),
    tokenFile: file.default(projectedToken).describe("The projected token, read again at each login."),
    mount: mountOf("kubernetes"),
  })
  .describe("Kubernetes: the pod's service account.");

const certificate = z
  .strictObject({
    cert: file.describe("A PEM file with the certificate, and those between it and the authority."),
    key: secret().describe("Its private key, as PEM."),
    role: roleName.optional().describe("The role at the server; left out: any that the certificate fits."),
    mount: mountOf("cert"),
  })
  .describe("A TLS client certificate; both files are read again when they change.");

const auth = z
  .strictObject({
    token: secret().optional().describe("A token."),
    tokenFile: file.optional().describe("A file with a token, read again when it changes (the sink of Vault Agent)."),
    appRole: appRole.optional(),
    kubernetes: kubernetes.optional(),
    certificate: certificate.optional(),
  })
  .refine((methods) => Object.values(methods).filter((method) => method !== undefined).length === 1, {
    message: "expected exactly one of token, tokenFile, appRole, kubernetes and certificate",
  })
  .describe("How to log in: exactly one of these.");

/** What stands beside `kind: vault`. */
export const settings = z
  .strictObject({
    address: address.describe("The server: `https://host:port`; plain http for a loopback address alone."),
    namespace: path.optional().describe("The namespace, without a slash at its end."),
    mount: path.default("transit").describe("Where the transit engine is mounted."),
    ca: file.optional().describe("A PEM file of the authorities to trust instead of the system's."),
    auth,
  })
  .refine(({ address: origin, auth: methods }) => methods.certificate === undefined || origin.startsWith("https:"), {
    message: "a client certificate needs an https address",
    path: ["auth", "certificate"],
  });

/** What stands beside `provider` in a recipient. */
export const reference = z.strictObject({
  key: keyName.describe("The transit key's name."),
  id: path
    .optional()
    .describe(
      "The master-key id in envelopes, where it is not the key's path: for a key restored under another path, or for the second of two servers with equal paths. Never changed once used.",
    ),
});

/** What the settings' schema makes. */
export type VaultSettings = z.output<typeof settings>;

/** What the reference's schema makes. */
export type VaultReference = z.output<typeof reference>;

/** A way to log in, as the schema makes it. */
export type VaultAuth = VaultSettings["auth"];
