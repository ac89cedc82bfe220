// Identities through the built program: tokens from files, over TLS and a socket; what is revoked, rotated or renewed.

import { rmSync, writeFileSync, renameSync } from "node:fs";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, type Client } from "../../src/client/index.ts";
import { createAuthority, type Authority, type CertificateFiles } from "../backends/certificates.ts";
import { daemonFolder, startDaemon, type Daemon } from "../backends/daemon.ts";
import { freePort } from "../backends/free-port.ts";
import { keybroker, type Ran } from "../backends/keybroker.ts";
import { masterKeyFile } from "../backends/master-keys.ts";
import { until } from "../backends/until.ts";
import { claimsAt, issuerKey, signed, writeKeySet } from "../unit/identity/tokens-setting.ts";

/** What the documentation promises: a look each second, and some time to act on it. */
const boundMs = 5_000;

const folder = daemonFolder();
const spiffe = "spiffe://bank.example/prod/restore";
const key = issuerKey("one");
const at = (name: string) => join(folder, name);
let daemon: Daemon;
let authority: Authority;
let port: number;
let restore: CertificateFiles;

/** A token in a file of its own, put in place as Kubernetes does: whole. */
function tokenFile(subject: string, more: object = {}, name = `${subject}.token`): string {
  writeFileSync(at("next.token"), `${signed(key, claimsAt(Date.now(), { sub: subject, ...more }))}\n`, { mode: 0o600 });
  renameSync(at("next.token"), at(name));
  return at(name);
}

interface Shown {
  readonly certificate?: CertificateFiles;
  readonly token?: string;
  readonly address?: string;
}

function wrap({ certificate, token, address = `127.0.0.1:${port}` }: Shown, name = "backups/db"): Promise<Ran> {
  const env = {
    PATH: process.env["PATH"],
    KEYBROKER_ADDRESS: address,
    KEYBROKER_CA: authority.ca,
    ...(certificate && { KEYBROKER_CERT: certificate.cert, KEYBROKER_KEY: certificate.key }),
    ...(token && { KEYBROKER_TOKEN_FILE: token }),
  };
  return keybroker(["wrap", "--key", name], { env, input: "a data key" });
}

const statusOf = async (shown: Shown, name?: string) => (await wrap(shown, name)).status;

function library(certificate: CertificateFiles | undefined, token?: string): Client {
  const pair = certificate && { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };
  const tls = { ca: readFileSync(authority.ca), ...pair };
  return createClient({ address: `127.0.0.1:${port}`, tls, ...(token && { tokenFile: token }) });
}

beforeAll(async () => {
  authority = await createAuthority(folder, "ca");
  const server = await authority.issue("server", [{ type: "ip", value: "127.0.0.1" }]);
  restore = await authority.issue("restore", [{ type: "url", value: spiffe }]);
  await authority.revoke("crl", []);
  writeKeySet(at("jwks.json"), [key]);
  port = await freePort();
  const jwt = (subject: string, more = "") =>
    `jwt: { issuer: "https://issuer.test", audience: keybroker-test, subject: ${subject}, jwks: ${at("jwks.json")}, algorithms: ES256, maxLifetime: 10m, clockSkew: 0s${more} }`;
  const configuration = `version: 1
realm: test
providers:
  local: { kind: env, keys: { "1": "file:${masterKeyFile(folder, "key-1").path}" } }
keys:
  backups/db: { wrapTo: [{ provider: local }], context: { required: false } }
  backups/mail: { wrapTo: [{ provider: local }], context: { required: false } }
listeners:
  local: { unix: keybroker.sock, identity: agent }
  mesh: { tcp: "127.0.0.1:${port}", tls: { cert: ${server.cert}, key: ${server.key} } }
identities:
  restore: { listener: mesh, ca: ${authority.ca}, crl: ${at("crl.pem")}, spiffe: "${spiffe}" }
  ledger: { listener: mesh, ${jwt("ledger", ", claims: { tenant: /kubernetes.io/namespace }")} }
  job: { listener: local, within: agent, ${jwt("job")} }
policy:
  - { who: [restore, agent], may: [wrap, unwrap], keys: backups/db }
  - { who: job, may: [wrap, unwrap], keys: [backups/db, backups/mail] }
  - { who: ledger, may: wrap, keys: backups/db, when: context.tenant == identity.tenant }
  - { who: ledger, may: unwrap, keys: backups/db, when: context.tenant == identity.tenant }
`;
  daemon = await startDaemon({ folder, configuration, socket: "keybroker.sock" });
});

afterAll(async () => {
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
});

const namespace = (name: string) => ({ "kubernetes.io": { namespace: name } });

test("a token from a file gets in without a certificate, and its claims are what conditions compare", async () => {
  const client = library(undefined, tokenFile("ledger", namespace("payments")));
  const plaintext = Buffer.from("a data key");
  const { envelope } = await client.wrap({ key: "backups/db", plaintext, context: { tenant: "payments" } });
  const other = client.wrap({ key: "backups/db", plaintext, context: { tenant: "retail" } });
  await expect(other).rejects.toMatchObject({ reason: "DENIED" });
  expect(Buffer.from((await client.unwrap({ envelope, context: { tenant: "payments" } })).plaintext)).toEqual(
    plaintext,
  );
  client.close();
});

test("a certificate and a token that name different identities are refused, each alone is not", async () => {
  const token = tokenFile("ledger", namespace("payments"));
  expect(await statusOf({ certificate: restore })).toBe(0);
  const ran = await wrap({ certificate: restore, token });
  expect(ran).toMatchObject({ status: 3, stdout: Buffer.alloc(0) });
  expect(ran.stderr).toMatch(/no identity of listener mesh/);
  expect(ran.stderr).not.toContain(readFileSync(token, "utf8").trim());
});

test("a token on a socket narrows it: what the socket may not, the token may not either", async () => {
  const { address } = daemon;
  const token = tokenFile("job");
  expect(await statusOf({ address })).toBe(0);
  expect(await statusOf({ address, token })).toBe(0);
  // The rule lets job wrap with backups/mail, and none lets agent.
  expect(await statusOf({ address, token }, "backups/mail")).toBe(3);
  expect(await statusOf({ address, token: tokenFile("stranger") })).toBe(3);
});

test("a Session goes on with the token that the file has now, and ends with the last one", async () => {
  const seconds = Math.floor(Date.now() / 1_000);
  const file = tokenFile("ledger", { ...namespace("payments"), exp: seconds + 3 }, "renewed.token");
  const client = library(undefined, file);
  const call = () => client.wrap({ key: "backups/db", plaintext: Buffer.from("k"), context: { tenant: "payments" } });
  const several = () => Promise.all([call(), call(), call()]);
  await several();
  tokenFile("ledger", { ...namespace("payments"), exp: seconds + 6 }, "renewed.token");
  await until("the first token's end", () => Date.now() / 1_000 > seconds + 3 || undefined);
  await several();
  await until("the second token's end", () => Date.now() / 1_000 > seconds + 6 || undefined);
  await expect(several()).rejects.toMatchObject({ reason: "IDENTITY_UNKNOWN" });
  client.close();
});

test("a key that its issuer withdraws ends its tokens, on open Sessions too, within the bound", async () => {
  const client = library(undefined, tokenFile("ledger", namespace("payments")));
  const call = () => client.wrap({ key: "backups/db", plaintext: Buffer.from("k"), context: { tenant: "payments" } });
  const both = () => Promise.all([call(), call()]);
  await both();
  writeKeySet(at("jwks.json"), [issuerKey("another")]);
  const withdrawnMs = performance.now();
  await until(
    "a refusal",
    () =>
      both().then(
        () => undefined,
        (error: { reason?: string }) => error.reason,
      ),
    boundMs,
  );
  expect(performance.now() - withdrawnMs).toBeLessThan(boundMs);
  writeKeySet(at("jwks.json"), [key]);
  await until(
    "the key again",
    () =>
      both().then(
        () => true,
        () => undefined,
      ),
    boundMs,
  );
  client.close();
});

test("a revoked certificate loses its open connection within the bound, and the log says what was read", async () => {
  const client = library(restore);
  const call = () => client.wrap({ key: "backups/db", plaintext: Buffer.from("k") });
  const both = () => Promise.all([call(), call()]);
  await both();
  await authority.revoke("crl", [restore.cert]);
  const reason = await until(
    "a refusal",
    () =>
      both().then(
        () => undefined,
        (error: { reason?: string }) => error.reason,
      ),
    boundMs,
  );
  expect(reason).toBe("IDENTITY_UNKNOWN");
  expect(await statusOf({ certificate: restore })).toBe(3);
  await authority.revoke("crl", []);
  await until(
    "the certificate again",
    () =>
      both().then(
        () => true,
        () => undefined,
      ),
    boundMs,
  );
  client.close();
  expect(daemon.stderr()).toContain('"event":"trust-renewed"');
});

test("no token is in the log or the audit", () => {
  const said = daemon.stderr();
  expect(said).toContain('"event":"token-refused"');
  for (const subject of ["ledger", "job", "stranger"]) {
    const token = readFileSync(at(`${subject}.token`), "utf8").trim();
    expect(said).not.toContain(token.split(".")[2]);
  }
});
