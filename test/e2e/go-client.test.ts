// A client generated for Go from the published proto, over a unix socket and over mutual TLS.

import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, type Authority, type CertificateFiles } from "../backends/certificates.ts";
import { daemonFolder, startDaemon, type Daemon } from "../backends/daemon.ts";
import { buildGo } from "../backends/go-module.ts";
import { freePort } from "../backends/free-port.ts";
import { run, type Ran } from "../backends/keybroker.ts";
import { masterKeyFile } from "../backends/master-keys.ts";

const client = buildGo("client");

describe.skipIf(!client)("a client generated for Go", () => {
  const folder = daemonFolder();
  const spiffe = "spiffe://bank.example/prod/restore";
  const serverNames = [{ type: "ip", value: "127.0.0.1" }] as const;
  let daemon: Daemon;
  let authority: Authority;
  let port: number;

  const go = (...args: string[]): Promise<Ran> => run([client!, ...args], { env: { PATH: process.env["PATH"] } });

  const overTls = ({ cert, key }: CertificateFiles): Promise<Ran> =>
    go("-target", `127.0.0.1:${port}`, "-key", "backups/db", "-ca", authority.ca, "-cert", cert, "-cert-key", key);

  beforeAll(async () => {
    authority = await createAuthority(folder, "ca");
    const server = await authority.issue("server", serverNames);
    port = await freePort();
    const configuration = `version: 1
realm: test
providers:
  local: { kind: env, keys: { "1": "file:${masterKeyFile(folder, "key-1").path}" } }
keys:
  backups/db: { wrapTo: [{ provider: local }] }
listeners:
  local: { unix: keybroker.sock, identity: backup }
  mesh: { tcp: "127.0.0.1:${port}", tls: { cert: ${server.cert}, key: ${server.key} } }
identities:
  restore: { listener: mesh, ca: ${authority.ca}, spiffe: "${spiffe}" }
policy:
  - { who: [backup, restore], may: [wrap, unwrap, generate, rewrap, check, inspect], keys: "backups/*" }
`;
    daemon = await startDaemon({ folder, configuration, socket: "keybroker.sock" });
  });

  afterAll(async () => {
    await daemon?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("does every call over a unix socket", async () => {
    const ran = await go("-target", daemon.address, "-key", "backups/db");
    expect(ran.stderr).toBe("");
    expect(ran.stdout.toString()).toBe("ok\n");
  });

  test("does every call over mutual TLS", async () => {
    const ran = await overTls(await authority.issue("restore", [{ type: "url", value: spiffe }]));
    expect(ran.stderr).toBe("");
    expect(ran.stdout.toString()).toBe("ok\n");
  });

  test("is nobody with another name in its certificate, whatever the common name", async () => {
    const names = [{ type: "url", value: `${spiffe}/other` }] as const;
    const ran = await overTls(await authority.issue("other", names, { commonName: spiffe }));
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/Unauthenticated/);
  });

  test("does not get in with a certificate of another authority", async () => {
    const foreign = await createAuthority(folder, "foreign");
    const ran = await overTls(await foreign.issue("forged", [{ type: "url", value: spiffe }]));
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/Unavailable/);
  });

  test("does not get in with a certificate that has ended", async () => {
    const ended = await authority.issue("ended", [{ type: "url", value: spiffe }], { days: -0.5 });
    const ran = await overTls(ended);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/Unavailable/);
  });
});
