// Certificates and tokens over real listeners: who a call is, and when that ends.

import { writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { credentials, Metadata } from "@grpc/grpc-js";
import type { Configuration, IdentityConfiguration } from "../../../src/config/configuration.ts";
import type { Listeners } from "../../../src/server/index.ts";
import { configurationOf, Setting, tcpListener, TestClient, testFolder, unixListener } from "../server/setting.ts";
import { authority, issue, type TestCertificate } from "./authority.ts";
import * as issuing from "./tokens-setting.ts";

const place = testFolder();
const file = (name: string) => join(place.folder, name);
const tls = { cert: file("tls.crt"), key: file("tls.key") };
const key = issuing.issuerKey("one");
const spiffe = (name: string) => [{ type: "url" as const, value: `spiffe://test/${name}` }];
const serverNames = [{ type: "dns" as const, value: "localhost" }];
let ca: TestCertificate;
let otherCa: TestCertificate;
let restore: TestCertificate;
let setting: Setting;
let listeners: Listeners;
const clients: TestClient[] = [];

beforeAll(async () => {
  [ca, otherCa] = [await authority("ours"), await authority("theirs")];
  restore = await issue(ca, { names: spiffe("restore") });
  issuing.writeKeySet(file("jwks.json"), [key]);
});
afterAll(() => place.remove());
beforeEach(async () => {
  writeFileSync(file("ca.pem"), ca.pem);
  await writeServer();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  setting.graph.identities.close();
  await listeners.close(0);
});

async function writeServer(issuer = ca): Promise<TestCertificate> {
  const made = await issue(issuer, { names: serverNames });
  writeFileSync(tls.key, made.keyPem, { mode: 0o600 });
  writeFileSync(tls.cert, made.pem);
  return made;
}

const shows = (name: string): IdentityConfiguration =>
  issuing.identityOf(name, { ca: file("ca.pem"), spiffe: `spiffe://test/${name}` });
const token = (name: string, more: Partial<IdentityConfiguration> = {}): IdentityConfiguration =>
  issuing.identityOf(name, {
    token: issuing.tokenSettings({ subject: name, keys: { file: file("jwks.json") } }),
    ...more,
  });

async function serve(configuration: Configuration): Promise<void> {
  setting = new Setting(configuration);
  listeners = await setting.open(configuration);
}

const mesh = (...identities: IdentityConfiguration[]) => serve(configurationOf([tcpListener(tls)], identities));
const address = () => listeners.list()[0]!.address;

function client(certificate?: TestCertificate): TestClient {
  const [pemKey, pem] = certificate ? [Buffer.from(certificate.keyPem), Buffer.from(certificate.pem)] : [null, null];
  const secure = credentials.createSsl(Buffer.concat([Buffer.from(ca.pem), Buffer.from(otherCa.pem)]), pemKey, pem);
  const made = new TestClient(address(), secure, { "grpc.ssl_target_name_override": "localhost" });
  clients.push(made);
  return made;
}

const bearer = (subject: string) => `Bearer ${issuing.signed(key, issuing.claimsAt(Date.now(), { sub: subject }))}`;

async function who(caller: TestClient, ...authorization: string[]): Promise<string> {
  const metadata = new Metadata();
  for (const one of authorization) metadata.add("authorization", one);
  return (await caller.unary("/test.Test/who", undefined, metadata)).toString();
}

/** Asks until the answer is this one. */
async function becomes(caller: TestClient, name: string): Promise<void> {
  await expect.poll(() => who(caller), { timeout: 10_000, interval: 20 }).toBe(name);
}

describe("over TLS", () => {
  it("a token alone is somebody, and a connection that shows nothing is nobody", async () => {
    await mesh(token("ledger"), shows("restore"));
    const caller = client();
    expect(await who(caller)).toBe("nobody");
    expect(await who(caller, bearer("ledger"))).toBe("ledger");
    expect(await who(caller)).toBe("nobody");
    expect(await who(client(restore))).toBe("restore");
  });

  it("a certificate and a token of another identity disagree: nobody", async () => {
    await mesh(token("ledger"), shows("restore"));
    expect(await who(client(restore), bearer("ledger"))).toBe("nobody");
    const stranger = await issue(ca, { names: spiffe("stranger") });
    expect(await who(client(stranger), bearer("ledger"))).toBe("nobody");
  });

  it("a token within a certificate's identity needs that certificate", async () => {
    await mesh(token("ledger", { within: "restore" }), shows("restore"), shows("other"));
    expect(await who(client(restore), bearer("ledger"))).toBe("ledger");
    const other = await issue(ca, { names: spiffe("other") });
    expect(await who(client(other), bearer("ledger"))).toBe("nobody");
    // And nobody comes in without a certificate, since no token stands alone.
    await expect(who(client())).rejects.toThrow();
  });

  it.each([
    ["that is broken", (good: string) => [`${good}x`]],
    ["of another scheme", (good: string) => [good.replace("Bearer", "Basic")]],
    ["without a scheme", (good: string) => [good.replace("Bearer ", "")]],
    ["with more behind it", (good: string) => [`${good}, ${good}`]],
    ["that is empty", () => [""]],
  ])("a credential %s is not passed over, whatever the certificate says", async (_, authorization) => {
    await mesh(token("ledger"), shows("restore"));
    expect(await who(client(), ...authorization(bearer("ledger")))).toBe("nobody");
    expect(await who(client(restore), ...authorization(bearer("ledger")))).toBe("nobody");
  });

  it("a scheme is read in any case", async () => {
    await mesh(token("ledger"));
    expect(await who(client(), bearer("ledger").replace("Bearer", "bearer"))).toBe("ledger");
  });

  it("a certificate that no identity's authority signed is refused, though tokens may come alone", async () => {
    await mesh(token("ledger"), shows("restore"));
    const theirs = await issue(otherCa, { names: spiffe("restore") });
    await expect(who(client(theirs), bearer("ledger"))).rejects.toThrow();
    expect(setting.told).toContain("mesh handshake");
  });

  it("with tokens alone no certificate is believed, not one of the system's authorities either", async () => {
    await mesh(token("ledger"));
    await expect(who(client(restore), bearer("ledger"))).rejects.toThrow();
    expect(await who(client(), bearer("ledger"))).toBe("ledger");
  });

  it("without tokens a connection must show a certificate, also after a reload that took them away", async () => {
    await mesh(token("ledger"), shows("restore"));
    expect(await who(client())).toBe("nobody");
    await setting.reload(listeners, configurationOf([tcpListener(tls)], [shows("restore")]));
    await expect(who(client())).rejects.toThrow();
    await setting.reload(listeners, configurationOf([tcpListener(tls)], [token("ledger"), shows("restore")]));
    expect(await who(client(), bearer("ledger"))).toBe("ledger");
  });
});

/** A header field without indexing, names and values as they are (RFC 7541, section 6.2.2). */
const field = (name: string, value: string) =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), lengthOf(value), Buffer.from(value)]);

/** A length with a prefix of seven bits (RFC 7541, section 5.1). */
function lengthOf(value: string): Buffer {
  let left = value.length - 127;
  if (left < 0) return Buffer.of(value.length);
  const bytes = [127];
  for (; left >= 128; left >>= 7) bytes.push((left & 127) | 128);
  return Buffer.of(...bytes, left);
}

function frame(type: number, flags: number, stream: number, content: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
}

/** Who the small service says it is, asked with these fields as they stand: clients of Node's own send one of a name. */
async function whoOverSocket(path: string, authorization: readonly string[]): Promise<string> {
  const fields = [
    [":method", "POST"],
    [":path", "/test.Test/who"],
    [":scheme", "http"],
    [":authority", "localhost"],
  ];
  fields.push(
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...authorization.map((one) => ["authorization", one]),
  );
  const head = Buffer.concat(fields.map(([name, value]) => field(name!, value!)));
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const request = [preface, frame(4, 0, 0, Buffer.alloc(0)), frame(1, 4, 1, head), frame(0, 1, 1, Buffer.alloc(5))];
  const socket = connectPlain(path);
  let got = "";
  socket.on("data", (part: Buffer) => (got += part.toString("latin1")));
  socket.write(Buffer.concat(request));
  await expect.poll(() => got, { timeout: 5_000, interval: 10 }).toMatch(/nobody|ledger|agent/);
  socket.destroy();
  return /nobody|ledger|agent/.exec(got)![0];
}

describe("over a unix socket", () => {
  const path = file("agent.sock");

  it("two credentials in one call are nobody, though each would do", async () => {
    const listener = unixListener(path, { identity: "agent" });
    await serve(configurationOf([listener], [token("ledger", { listener: "local", within: "agent" })]));
    expect(await whoOverSocket(path, [])).toBe("agent");
    expect(await whoOverSocket(path, [bearer("ledger")])).toBe("ledger");
    expect(await whoOverSocket(path, [bearer("ledger"), bearer("ledger")])).toBe("nobody");
    expect(await whoOverSocket(path, [bearer("ledger"), "Basic YTpi"])).toBe("nobody");
  });

  it("a token narrows, and one that does not count is not passed over", async () => {
    const listener = unixListener(path, { identity: "agent" });
    await serve(configurationOf([listener], [token("ledger", { listener: "local", within: "agent" })]));
    const caller = new TestClient(`unix:${path}`, undefined, { "grpc.default_authority": "localhost" });
    clients.push(caller);
    expect(await who(caller)).toBe("agent");
    expect(await who(caller, bearer("ledger"))).toBe("ledger");
    expect(await who(caller, bearer("other"))).toBe("nobody");
    expect(await who(caller, "Basic YTpi")).toBe("nobody");
  });
});

describe("files that change while it serves", () => {
  const served = () =>
    new Promise<string>((resolve, reject) => {
      const port = Number(address().split(":")[1]);
      const trusted = { ca: [ca.pem, otherCa.pem], servername: "localhost", ALPNProtocols: ["h2"] };
      const socket = connect({ port, host: "127.0.0.1", ...trusted, cert: restore.pem, key: restore.keyPem }, () => {
        resolve(socket.getPeerX509Certificate()!.fingerprint256);
        socket.destroy();
      });
      socket.once("error", reject);
    });

  it("a new certificate and key serve within seconds, without a reload, and half a pair does not", async () => {
    await mesh(shows("restore"));
    const before = await served();
    const half = await issue(ca, { names: serverNames });
    writeFileSync(tls.cert, half.pem);
    await expect.poll(() => setting.told, { timeout: 10_000, interval: 20 }).toContain("mesh certificate");
    expect(await served()).toBe(before);
    writeFileSync(tls.key, half.keyPem, { mode: 0o600 });
    await expect.poll(served, { timeout: 10_000, interval: 20 }).toBe(half.node.fingerprint256);
    expect(setting.told).toContain("mesh renewed");
  });

  it("an authority that is taken out ends open connections and handshakes, and one that is put in begins", async () => {
    await mesh(shows("restore"));
    const caller = client(restore);
    expect(await who(caller)).toBe("restore");
    writeFileSync(file("ca.pem"), otherCa.pem);
    await becomes(caller, "nobody");
    await expect.poll(() => setting.told, { timeout: 10_000, interval: 20 }).toContain("mesh renewed");
    await expect(who(client(restore))).rejects.toThrow();
    expect(await who(client(await issue(otherCa, { names: spiffe("restore") })))).toBe("restore");
  });
});
