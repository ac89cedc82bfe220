// The built command line over mutual TLS, at a bare IP address as at a name: who gets in, and what the others are told.

import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthority, type Authority, type CertificateFiles } from "../backends/certificates.ts";
import { daemonFolder, startDaemon, type Daemon } from "../backends/daemon.ts";
import { freePort } from "../backends/free-port.ts";
import { keybroker, type Ran } from "../backends/keybroker.ts";
import { masterKeyFile } from "../backends/master-keys.ts";

const folder = daemonFolder();
const spiffe = "spiffe://bank.example/prod/restore";
const named = [{ type: "url", value: spiffe }] as const;
let daemon: Daemon;
let authority: Authority;
let port: number;
let restore: CertificateFiles;

/** Wraps over TLS with the files of a certificate, in the environment as password hooks have them. */
function wrap({ cert, key }: CertificateFiles, host = "127.0.0.1", ca = authority.ca): Promise<Ran> {
  const tls = { KEYBROKER_CA: ca, KEYBROKER_CERT: cert, KEYBROKER_KEY: key };
  const env = { PATH: process.env["PATH"], KEYBROKER_ADDRESS: `${host}:${port}`, ...tls };
  return keybroker(["wrap", "--key", "backups/db"], { env, input: "a data key" });
}

beforeAll(async () => {
  authority = await createAuthority(folder, "ca");
  const server = await authority.issue("server", [
    { type: "ip", value: "127.0.0.1" },
    { type: "dns", value: "localhost" },
  ]);
  restore = await authority.issue("restore", named);
  port = await freePort();
  const configuration = `version: 1
realm: test
providers:
  local: { kind: env, keys: { "1": "file:${masterKeyFile(folder, "key-1").path}" } }
keys:
  backups/db: { wrapTo: [{ provider: local }], context: { required: false } }
listeners:
  local: { unix: keybroker.sock, identity: backup }
  mesh: { tcp: "127.0.0.1:${port}", tls: { cert: ${server.cert}, key: ${server.key} } }
identities:
  restore: { listener: mesh, ca: ${authority.ca}, spiffe: "${spiffe}" }
policy:
  - { who: [backup, restore], may: [wrap, unwrap], keys: "backups/*" }
`;
  daemon = await startDaemon({ folder, configuration, socket: "keybroker.sock" });
});

afterAll(async () => {
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.each(["127.0.0.1", "localhost"])("the certificate's SAN gets in, by %s", async (host) => {
  const ran = await wrap(restore, host);
  expect(ran).toMatchObject({ status: 0, stderr: "" });
  expect(ran.stdout.toString()).toMatch(/^kb1\./);
});

test.each([
  ["another SAN", [{ type: "url", value: `${spiffe}/other` }], "other"],
  ["the name as common name alone", [{ type: "dns", value: "unmapped.example" }], spiffe],
] as const)("%s is nobody", async (what, names, commonName) => {
  const ran = await wrap(await authority.issue(what.replaceAll(" ", "-"), names, { commonName }));
  expect(ran).toMatchObject({ status: 3, stdout: Buffer.alloc(0) });
  expect(ran.stderr).toMatch(/^keybroker: [^\n]+\n$/);
});

test("a certificate that has ended, or of another authority, is not let in", async () => {
  const foreign = await createAuthority(folder, "foreign");
  const refused = [await authority.issue("ended", named, { days: -0.5 }), await foreign.issue("forged", named)];
  for (const files of refused) {
    const ran = await wrap(files);
    expect(ran).toMatchObject({ status: 6, stdout: Buffer.alloc(0) });
    expect(ran.stderr).toMatch(/^keybroker: cannot reach the daemon at 127\.0\.0\.1:[^\n]+\n$/);
  }
});

test("a daemon that the caller's authority does not vouch for is not asked", async () => {
  const foreign = await createAuthority(folder, "stranger");
  const ran = await wrap(restore, "127.0.0.1", foreign.ca);
  expect(ran).toMatchObject({ status: 6, stdout: Buffer.alloc(0) });
  expect(ran.stderr).toMatch(/certificate/);
});

test("TCP without a certificate is a question of usage", async () => {
  const ran = await keybroker(["wrap", "--key", "backups/db"], {
    env: { KEYBROKER_ADDRESS: `127.0.0.1:${port}` },
    input: "a data key",
  });
  expect(ran.status).toBe(2);
  expect(ran.stderr).toMatch(/needs --cert and --tls-key/);
});
