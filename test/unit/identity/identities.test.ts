import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AddressInfo } from "node:net";
import type { Configuration, IdentityConfiguration, ListenerConfiguration } from "../../../src/config/index.ts";
import { createIdentities, peerCertificateOf } from "../../../src/identity/index.ts";
import { authority, issue, type TestCertificate, type Wanted } from "./authority.ts";

const restoreId = "spiffe://bank.example/prod/restore";
let folder: string;
let a: TestCertificate;
let b: TestCertificate;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "identities-"));
  [a, b] = [await authority("authority a"), await authority("authority b")];
  writeFileSync(join(folder, "a.pem"), a.pem);
  writeFileSync(join(folder, "b.pem"), b.pem);
  writeFileSync(join(folder, "both.pem"), `some words before\n${a.pem}\n${b.pem}`);
});

afterAll(() => rmSync(folder, { recursive: true }));

type Entry = Partial<IdentityConfiguration> & { name: string };

function identities(entries: Entry[], clock?: () => number, listeners: ListenerConfiguration[] = []) {
  const all = entries.map((entry) => ({
    listener: "mesh",
    spiffe: undefined,
    dns: undefined,
    crl: undefined,
    token: undefined,
    within: undefined,
    attributes: {},
    ...entry,
    ca: join(folder, entry.ca ?? "a.pem"),
  }));
  const configuration = {
    identities: new Map(all.map((entry) => [entry.name, entry])),
    listeners: new Map(listeners.map((listener) => [listener.name, listener])),
  } as unknown as Configuration;
  return createIdentities(configuration, clock && { clock });
}

const url = (value: string) => ({ type: "url" as const, value });
const dns = (value: string) => ({ type: "dns" as const, value });

/** What the server sees of a leaf, with intermediates as TLS links them. */
async function peer(issuer: TestCertificate, wanted: Wanted) {
  return peerCertificateOf((await issue(issuer, wanted)).node);
}

describe("a unix socket", () => {
  const listener = {
    name: "backup-sock",
    unix: "/x",
    identity: "backup",
    attributes: {},
    mode: 0o600,
    uid: undefined,
    gid: undefined,
    admin: false,
    maxConnections: 1,
  };

  it("has the identity its listener names, and no other", async () => {
    const found = await identities([], undefined, [listener]);
    expect(found.ofSocket("backup-sock")).toEqual({ name: "backup", attributes: {} });
    expect(found.ofSocket("backup")).toBeUndefined();
    expect(found.ofSocket("__proto__")).toBeUndefined();
  });

  it("proves nothing for a certificate", async () => {
    const certificate = await peer(a, { names: [url(restoreId)] });
    expect((await identities([], undefined, [listener])).ofCertificate("backup-sock", certificate)).toBeUndefined();
  });
});

describe("a certificate", () => {
  const restore = { name: "restore", spiffe: restoreId };
  const ledger = { name: "ledger", dns: "ledger.bank.example" };
  const nameOf = async (wanted: Wanted, entries: Entry[] = [restore, ledger], issuer = a) =>
    (await identities(entries)).ofCertificate("mesh", await peer(issuer, wanted))?.name;

  it("is who its URI name says", async () => {
    expect(await nameOf({ names: [url(restoreId)] })).toBe("restore");
  });

  it("is who one of its DNS names says, whatever their case", async () => {
    expect(await nameOf({ names: [dns("other.example"), dns("Ledger.Bank.Example")] })).toBe("ledger");
  });

  it.each([
    ["a longer path", [url(`${restoreId}/x`)]],
    ["a shorter path", [url("spiffe://bank.example/prod")]],
    ["another case", [url("spiffe://bank.example/prod/Restore")]],
    ["a trailing slash", [url(`${restoreId}/`)]],
    ["a query", [url(`${restoreId}?x`)]],
    ["an encoded path", [url("spiffe://bank.example/prod/%72estore")]],
    ["the id as a DNS name", [dns(restoreId)]],
    ["the id inside another name", [dns(`x, URI:${restoreId}`)]],
    ["a wildcard", [dns("*.bank.example")]],
    ["a parent domain", [dns("bank.example")]],
    ["a subdomain", [dns("x.ledger.bank.example")]],
    ["a trailing dot", [dns("ledger.bank.example.")]],
    ["two URI names", [url(restoreId), url("spiffe://bank.example/prod/other")]],
    ["the same URI name twice", [url(restoreId), url(restoreId)]],
    ["no name", []],
  ])("is nobody with %s", async (_, names) => {
    expect(await nameOf({ names })).toBeUndefined();
  });

  it("is nobody by its common name", async () => {
    expect(await nameOf({ commonName: "ledger.bank.example" })).toBeUndefined();
    expect(await nameOf({ commonName: restoreId })).toBeUndefined();
  });

  it("is nobody when two identities match", async () => {
    expect(await nameOf({ names: [url(restoreId), dns("ledger.bank.example")] })).toBeUndefined();
  });

  it("is nobody at another listener", async () => {
    const certificate = await peer(a, { names: [url(restoreId)] });
    const found = await identities([restore]);
    expect(found.ofCertificate("mesh", certificate)?.name).toBe("restore");
    expect(found.ofCertificate("other", certificate)).toBeUndefined();
    expect(found.ofCertificate("mesh", certificate)?.name).toBe("restore");
  });

  it("is nobody when another identity's authority vouches", async () => {
    const entries = [
      { ...restore, ca: "a.pem" },
      { ...ledger, ca: "b.pem" },
    ];
    expect(await nameOf({ names: [url(restoreId)] }, entries, a)).toBe("restore");
    expect(await nameOf({ names: [url(restoreId)] }, entries, b)).toBeUndefined();
    expect(await nameOf({ names: [dns("ledger.bank.example")] }, entries, a)).toBeUndefined();
    expect(await nameOf({ names: [dns("ledger.bank.example")] }, entries, b)).toBe("ledger");
  });

  it("may be vouched for by any authority of the file", async () => {
    const entries = [{ ...restore, ca: "both.pem" }];
    expect(await nameOf({ names: [url(restoreId)] }, entries, a)).toBe("restore");
    expect(await nameOf({ names: [url(restoreId)] }, entries, b)).toBe("restore");
  });

  it("is nobody when an authority of the same name, but not the same key, signed it", async () => {
    const impostor = await authority("authority a");
    expect(await nameOf({ names: [url(restoreId)] }, [restore], impostor)).toBeUndefined();
  });

  it("is nobody when it signed itself", async () => {
    const { node } = await issue(undefined, { commonName: "authority a", names: [url(restoreId)] });
    expect((await identities([restore])).ofCertificate("mesh", peerCertificateOf(node))).toBeUndefined();
  });

  it("is nobody before its time and after it", async () => {
    let now = Date.now();
    const minute = 60_000;
    const certificate = await peer(a, {
      names: [url(restoreId)],
      from: new Date(now),
      to: new Date(now + minute * 60),
    });
    const found = await identities([restore], () => now);
    const at = (offsetMs: number) => {
      now += offsetMs;
      return found.ofCertificate("mesh", certificate)?.name;
    };
    expect(at(-5 * minute)).toBeUndefined();
    expect(at(10 * minute)).toBe("restore");
    expect(at(54 * minute)).toBe("restore");
    expect(at(2 * minute)).toBeUndefined();
  });

  it("is nobody once its authority has ended", async () => {
    const now = Date.now();
    const short = await issue(undefined, { authority: true, commonName: "short", to: new Date(now + 60_000) });
    writeFileSync(join(folder, "short.pem"), short.pem);
    let at = now;
    const found = await identities([{ ...restore, ca: "short.pem" }], () => at);
    const certificate = await peer(short, { names: [url(restoreId)] });
    expect(found.ofCertificate("mesh", certificate)?.name).toBe("restore");
    at = now + 120_000;
    expect(found.ofCertificate("mesh", certificate)).toBeUndefined();
  });
});

describe("authorities' files", () => {
  it.each([
    ["a missing file", "missing.pem", undefined, /is not there/],
    ["a file without certificates", "empty.pem", "nothing", /no certificate/],
    ["a damaged certificate", "bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", /damaged/],
  ])("refuses %s by name", async (_, ca, content, message) => {
    if (content !== undefined) writeFileSync(join(folder, ca), content);
    await expect(identities([{ name: "x", spiffe: restoreId, ca }])).rejects.toThrow(message);
    await expect(identities([{ name: "x", spiffe: restoreId, ca }])).rejects.toThrow(ca);
  });
});

describe("a chain over TLS", () => {
  async function showOver(leaf: TestCertificate, extra: TestCertificate[], trusted: TestCertificate[]) {
    const server = await issue(a, { names: [dns("localhost")] });
    const authorities = trusted.map(({ pem }) => pem);
    const listener = createServer({
      cert: server.pem,
      key: server.keyPem,
      ca: authorities,
      requestCert: true,
      minVersion: "TLSv1.3",
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const cert = [leaf, ...extra].map(({ pem }) => pem).join("");
    const client = connect({ port, host: "127.0.0.1", servername: "localhost", ca: a.pem, cert, key: leaf.keyPem });
    const [socket] = (await once(listener, "secureConnection")) as [TLSSocket];
    const certificate = peerCertificateOf(socket.getPeerX509Certificate()!);
    client.destroy();
    socket.destroy();
    listener.close();
    return certificate;
  }

  it("leads through an intermediate to the identity's own authority", async () => {
    const intermediate = await issue(a, { authority: true, commonName: "between" });
    const leaf = await issue(intermediate, { names: [url(restoreId)] });
    const certificate = await showOver(leaf, [intermediate], [a, b]);
    expect(certificate.uris).toEqual([restoreId]);
    expect(
      (await identities([{ name: "restore", spiffe: restoreId, ca: "a.pem" }])).ofCertificate("mesh", certificate)
        ?.name,
    ).toBe("restore");
    expect(
      (await identities([{ name: "restore", spiffe: restoreId, ca: "b.pem" }])).ofCertificate("mesh", certificate),
    ).toBeUndefined();
  });

  it("does not lead through a certificate that may not sign", async () => {
    const noAuthority = await issue(a, { commonName: "between" });
    const leaf = await issue(noAuthority, { names: [url(restoreId)] });
    const certificate = { ...peerCertificateOf(leaf.node), chain: [leaf.node, noAuthority.node] };
    expect(
      (await identities([{ name: "restore", spiffe: restoreId }])).ofCertificate("mesh", certificate),
    ).toBeUndefined();
  });

  it("is not mended by strangers' certificates in it", async () => {
    const leaf = await issue(b, { names: [url(restoreId)] });
    const certificate = { ...peerCertificateOf(leaf.node), chain: [leaf.node, a.node] };
    expect(
      (await identities([{ name: "restore", spiffe: restoreId }])).ofCertificate("mesh", certificate),
    ).toBeUndefined();
  });
});
