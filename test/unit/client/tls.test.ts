// TCP: TLS 1.3 with a certificate on both sides, and nothing less.

import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:tls";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createAuthority, type CertificateFiles } from "../../backends/certificates.ts";
import { createClient, type Client, type TlsOptions } from "../../../src/client/index.ts";
import { cli } from "../cli/harness.ts";
import { FakeDaemon } from "./fake-daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "kb-tls-"));
const daemon = new FakeDaemon();
const clients: Client[] = [];
let port: number;
let ca: string;
let own: CertificateFiles;
let foreign: CertificateFiles;
let served: CertificateFiles;

const pem = (file: string): Buffer => readFileSync(file);
const tls = (files: CertificateFiles, rest: Partial<TlsOptions> = {}): TlsOptions => ({
  ca: pem(ca),
  cert: pem(files.cert),
  key: pem(files.key),
  ...rest,
});

function connect(options: TlsOptions, host = "localhost", at = port): Client {
  const client = createClient({ address: `${host}:${at}`, tls: options, unreachableMs: 1, maxAttempts: 1 });
  clients.push(client);
  return client;
}

const call = (client: Client): Promise<unknown> => client.wrap({ key: "k", plaintext: Uint8Array.of(1) });
const unreachable = { status: "UNAVAILABLE", reason: undefined, exit: 6 };

beforeAll(async () => {
  const authority = await createAuthority(folder, "ours");
  const other = await createAuthority(mkdtempSync(join(folder, "other-")), "theirs");
  ca = authority.ca;
  served = await authority.issue("daemon", [{ type: "dns", value: "localhost" }]);
  own = await authority.issue("client", [{ type: "dns", value: "client.example" }]);
  foreign = await other.issue("foreign", [{ type: "dns", value: "localhost" }]);
  const pair = { private_key: pem(served.key), cert_chain: pem(served.cert) };
  port = await daemon.start(ServerCredentials.createSsl(pem(ca), [pair], true), "127.0.0.1:0");
});

afterEach(() => clients.splice(0).forEach((client) => client.close()));

afterAll(() => {
  daemon.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a daemon with the right name and authority is called", async () => {
  await expect(call(connect(tls(own)))).resolves.toBeDefined();
  await expect(call(connect(tls(own, { serverName: "localhost" }), "127.0.0.1"))).resolves.toBeDefined();
});

test("another name, another authority and another client certificate are not", async () => {
  await expect(call(connect(tls(own), "127.0.0.1"))).rejects.toMatchObject(unreachable);
  await expect(call(connect(tls(own, { serverName: "daemon.example" })))).rejects.toMatchObject(unreachable);
  await expect(call(connect(tls(own, { ca: pem(foreign.cert) })))).rejects.toMatchObject(unreachable);
  await expect(call(connect(tls(foreign)))).rejects.toMatchObject(unreachable);
});

test("a daemon that offers TLS 1.2 at most is not called", async () => {
  const old = createServer({
    cert: pem(served.cert),
    key: pem(served.key),
    maxVersion: "TLSv1.2",
    ALPNProtocols: ["h2"],
  });
  old.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
  await expect(call(connect(tls(own), "localhost", (old.address() as AddressInfo).port))).rejects.toMatchObject(
    unreachable,
  );
  old.close();
});

test("files that are no certificate, or no pair, are refused at once and without their content", () => {
  expect(() => connect(tls(own, { cert: "not a certificate" }))).toThrow(TypeError);
  expect(() => connect(tls(own, { key: pem(foreign.key) }))).toThrow(/cannot be used/);
  expect(() => connect(tls(own, { key: "-----BEGIN canary-----" }))).toThrow(/^(?!.*canary)/);
});

test("the command line takes the files from flags or variables", async () => {
  const address = `localhost:${port}`;
  const flags = ["--address", address, "--ca", ca, "--cert", own.cert, "--tls-key", own.key];
  expect(await cli(["wrap", "--key", "k", ...flags], { stdin: "x", env: {} })).toMatchObject({ stderr: "", exit: 0 });
  const env = { KEYBROKER_ADDRESS: address, KEYBROKER_CA: ca, KEYBROKER_CERT: own.cert, KEYBROKER_KEY: own.key };
  expect(await cli(["wrap", "--key", "k"], { stdin: "x", env })).toMatchObject({ stderr: "", exit: 0 });
  const wrong = await cli(["wrap", "--key", "k"], { stdin: "x", env: { ...env, KEYBROKER_KEY: "backups/db" } });
  expect(wrong).toMatchObject({ exit: 2 });
  expect(wrong.stderr).toContain("KEYBROKER_KEY_NAME");
});
