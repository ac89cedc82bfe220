import { chmodSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { credentials } from "@grpc/grpc-js";
import type { Configuration, IdentityConfiguration } from "../../../src/config/configuration.ts";
import type { Listeners } from "../../../src/server/index.ts";
import { authority, issue } from "../identity/authority.ts";
import type { TestCertificate } from "../identity/authority.ts";
import { configurationOf, Setting, tcpListener, TestClient, testFolder, until } from "./setting.ts";

const place = testFolder();
const file = (name: string) => join(place.folder, name);
const tls = { cert: file("tls.crt"), key: file("tls.key") };
let ca: TestCertificate;
let otherCa: TestCertificate;
let restore: TestCertificate;
let backup: TestCertificate;
let listeners: Listeners;
let setting: Setting;
let configuration: Configuration;
const clients: TestClient[] = [];

const serverNames = [
  { type: "dns" as const, value: "localhost" },
  { type: "ip" as const, value: "127.0.0.1" },
];
const spiffe = (name: string) => [{ type: "url" as const, value: `spiffe://test/${name}` }];
const identity = (name: string, caFile = "ca.pem"): IdentityConfiguration => ({
  name,
  listener: "mesh",
  ca: file(caFile),
  spiffe: `spiffe://test/${name}`,
  dns: undefined,
  crl: undefined,
  token: undefined,
  within: undefined,
  attributes: {},
});

async function writeServer(): Promise<TestCertificate> {
  const made = await issue(ca, { commonName: "server", names: serverNames });
  writeFileSync(tls.cert, made.pem);
  writeFileSync(tls.key, made.keyPem, { mode: 0o600 });
  return made;
}

beforeAll(async () => {
  ca = await authority("ours");
  otherCa = await authority("theirs");
  restore = await issue(ca, { commonName: "backup", names: spiffe("restore") });
  backup = await issue(ca, { commonName: "restore", names: spiffe("backup") });
  writeFileSync(file("ca.pem"), ca.pem);
  writeFileSync(file("other.pem"), otherCa.pem);
});
afterAll(() => place.remove());

beforeEach(async () => {
  await writeServer();
  configuration = configurationOf([tcpListener(tls)], [identity("restore"), identity("backup")]);
  setting = new Setting(configuration);
  listeners = await setting.open(configuration);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await listeners.close(0);
});

const address = () => listeners.list()[0]!.address;

function client(certificate: TestCertificate | undefined, target = address()): TestClient {
  const [key, cert] = certificate ? [Buffer.from(certificate.keyPem), Buffer.from(certificate.pem)] : [null, null];
  const made = new TestClient(target, credentials.createSsl(Buffer.from(ca.pem), key, cert), {
    "grpc.ssl_target_name_override": "localhost",
  });
  clients.push(made);
  return made;
}

/** A TLS client of node's own, once the server has taken or refused it. */
function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const port = Number(address().split(":")[1]);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", ca: ca.pem, ALPNProtocols: ["h2"], ...options });
    socket.once("error", reject).once("close", () => reject(new Error("closed")));
    // In TLS 1.3 a client is done before the server has judged its certificate: the first bytes say how it went.
    socket.once("data", () => resolve(socket));
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
  });
}

const pair = ({ keyPem, pem }: TestCertificate) => ({ key: keyPem, cert: pem });

describe("who a connection is", () => {
  test("is the identity of its SAN, not of its CN, each connection for itself", async () => {
    const callers = [client(restore), client(backup)];
    expect(await Promise.all(callers.map((one) => one.who()))).toEqual(["restore", "backup"]);
    expect(await Promise.all(callers.map((one) => one.who()))).toEqual(["restore", "backup"]);
  });

  test("is nobody for a certificate of ours without a matching SAN", async () => {
    const stranger = await issue(ca, { commonName: "restore", names: spiffe("stranger") });
    expect(await client(stranger).who()).toBe("nobody");
  });

  test("is judged anew after a reload, on the same connection", async () => {
    const caller = client(restore);
    expect(await caller.who()).toBe("restore");
    const without = configurationOf([tcpListener(tls)], [identity("backup")]);
    await setting.reload(listeners, without);
    expect(await caller.who()).toBe("nobody");
    await setting.reload(listeners, configuration);
    expect(await caller.who()).toBe("restore");
  });

  test("ends with its certificate, in the middle of a connection", async () => {
    const short = await issue(ca, { names: spiffe("restore"), to: new Date(Date.now() + 2_500) });
    const caller = client(short);
    expect(await caller.who()).toBe("restore");
    await until(() => Date.now() > short.node.validToDate.getTime(), "the certificate's end");
    expect(await caller.who()).toBe("nobody");
  });

  test("cannot be another's by sharing its address and port over another of our addresses", async () => {
    const everywhere = configurationOf(
      [tcpListener(tls, { tcp: { host: "0.0.0.0", port: 0 } })],
      [identity("restore"), identity("backup")],
    );
    const wide = await setting.open(everywhere);
    try {
      const port = Number(wide.list()[0]!.address.split(":")[1]);
      const first = await handshakeFrom(restore, "127.0.0.1", port, undefined);
      const second = await handshakeFrom(backup, "127.0.0.2", port, first.port);
      expect(second.port).toBe(first.port);
      expect(await Promise.all([first.who(), second.who()])).toEqual(["restore", "backup"]);
      first.close();
      second.close();
    } finally {
      await wide.close(0);
    }
  });
});

/** An HTTP/2 session over TLS from a chosen local port of 127.0.0.1. */
async function handshakeFrom(certificate: TestCertificate, host: string, port: number, localPort: number | undefined) {
  const http2 = await import("node:http2");
  const plain = connectPlain({ port, host, localAddress: "127.0.0.1", localPort });
  const ours = { ca: ca.pem, ALPNProtocols: ["h2"], checkServerIdentity: () => undefined };
  const socket = connect({ socket: plain, ...ours, ...pair(certificate) });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const session = http2.connect("https://localhost", { createConnection: () => socket });
  session.on("error", () => undefined);
  return {
    port: plain.localPort!,
    close: () => session.destroy(),
    who: () =>
      new Promise<string>((resolve, reject) => {
        const request = session.request({
          ":method": "POST",
          ":path": "/test.Test/who",
          "content-type": "application/grpc",
          te: "trailers",
        });
        const parts: Buffer[] = [];
        request.on("data", (part: Buffer) => parts.push(part));
        request.once("end", () => resolve(Buffer.concat(parts).subarray(5).toString()));
        request.once("error", reject);
        request.end(Buffer.alloc(5));
      }),
  };
}

describe("the handshake", () => {
  test.each([
    ["no certificate", () => Promise.resolve({})],
    ["a certificate of another authority", async () => pair(await issue(otherCa, { names: spiffe("restore") }))],
    ["one that signed itself", async () => pair(await issue(undefined, { names: spiffe("restore") }))],
    [
      "an expired one",
      async () => pair(await issue(ca, { names: spiffe("restore"), to: new Date(Date.now() - 60_000) })),
    ],
    [
      "one not yet valid",
      async () => pair(await issue(ca, { names: spiffe("restore"), from: new Date(Date.now() + 60_000) })),
    ],
    ["TLS 1.2", () => Promise.resolve({ ...pair(restore), maxVersion: "TLSv1.2" as const })],
    ["another protocol than h2", () => Promise.resolve({ ...pair(restore), ALPNProtocols: ["http/1.1"] })],
    ["no protocol", () => Promise.resolve({ ...pair(restore), ALPNProtocols: [] })],
  ])("with %s is refused", async (_what, options) => {
    await expect(options().then(handshake)).rejects.toThrow();
    expect(await client(restore).who()).toBe("restore");
  });

  test("with a certificate that an identity's authority vouches for is taken, and with TLS 1.3", async () => {
    const socket = await handshake(pair(restore));
    expect(socket.getProtocol()).toBe("TLSv1.3");
    socket.destroy();
  });

  test("gives nothing to resume with, and resumes nothing", async () => {
    const sessions: Buffer[] = [];
    const port = Number(address().split(":")[1]);
    const first = connect({
      port,
      ca: ca.pem,
      ALPNProtocols: ["h2"],
      ...pair(restore),
      checkServerIdentity: () => undefined,
    });
    first.on("session", (session) => sessions.push(session));
    first.on("error", () => undefined);
    first.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    await new Promise((resolve) => first.once("data", resolve));
    first.destroy();
    for (const session of sessions) {
      const again = await handshake({ ...pair(backup), session });
      expect(again.isSessionReused()).toBe(false);
      again.destroy();
    }
  });

  test("that never comes is ended within the deadline", async () => {
    await listeners.close(0);
    const hasty = configurationOf([tcpListener(tls)], [identity("restore")], { prefaceTimeoutMs: 100 });
    listeners = await setting.open(hasty);
    const socket = connectPlain(Number(address().split(":")[1]), "127.0.0.1");
    await new Promise((resolve) =>
      socket
        .on("error", () => undefined)
        .once("close", resolve)
        .resume(),
    );
    expect(setting.told).toContain("mesh handshake");
  });
});

describe("certificates at a reload", () => {
  const served = async () => {
    const socket = await handshake(pair(restore));
    const { fingerprint256 } = socket.getPeerX509Certificate()!;
    socket.destroy();
    return fingerprint256;
  };

  test("are read anew, and connections stay", async () => {
    const caller = client(restore);
    await caller.who();
    const next = await writeServer();
    await setting.reload(listeners, configuration);
    expect(await served()).toBe(next.node.fingerprint256);
    expect(await caller.who()).toBe("restore");
    expect(setting.drained).toBe(0);
  });

  test("halfway through a rotation leave the last good pair in force", async () => {
    const before = await served();
    const { pem } = await issue(ca, { commonName: "server", names: serverNames });
    writeFileSync(tls.cert, pem);
    await setting.reload(listeners, configuration);
    expect(setting.told).toContain("mesh certificate");
    expect(await served()).toBe(before);
  });

  test.each(["", "nonsense"])("of %j leave it in force too", async (text) => {
    const before = await served();
    writeFileSync(tls.key, text, { mode: 0o600 });
    await setting.reload(listeners, configuration);
    expect(await served()).toBe(before);
  });

  test("a new authority is believed from then on, an old one no longer", async () => {
    const theirs = await issue(otherCa, { names: spiffe("restore") });
    await setting.reload(listeners, configurationOf([tcpListener(tls)], [identity("restore", "other.pem")]));
    expect(await client(theirs).who()).toBe("restore");
    await expect(handshake(pair(restore))).rejects.toThrow();
  });
});

test.each([
  [
    "a missing certificate",
    { cert: file("none"), key: tls.key },
    /certificate of listener mesh cannot be used.*ENOENT/,
  ],
  ["a missing key", { cert: tls.cert, key: file("none") }, /key of listener mesh cannot be used.*ENOENT/],
])("%s keeps the listener from opening", async (_what, wrong, message) => {
  await expect(setting.open(configurationOf([tcpListener(wrong)], [identity("restore")]))).rejects.toThrow(message);
});

test("a key of another certificate keeps the listener from opening", async () => {
  writeFileSync(tls.key, restore.keyPem, { mode: 0o600 });
  const open = setting.open(configurationOf([tcpListener(tls)], [identity("restore")]));
  await expect(open).rejects.toThrow("does not belong to the certificate");
});

test("a key that everyone may read keeps the listener from opening, and at a reload the last good one in force", async () => {
  const configuration = configurationOf([tcpListener(tls)], [identity("restore")]);
  chmodSync(tls.key, 0o644);
  await expect(setting.open(configuration)).rejects.toThrow("may be read by every user of this machine");
  chmodSync(tls.key, 0o600);
  const open = await setting.open(configuration);
  chmodSync(tls.key, 0o644);
  await setting.reload(open, configuration);
  expect(setting.told).toContain("mesh certificate");
  chmodSync(tls.key, 0o600);
  await open.close(0);
});
