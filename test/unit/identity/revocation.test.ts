import "reflect-metadata";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fc, test } from "@fast-check/vitest";
import { PemError, readRevocationLists } from "../../../src/config/index.ts";
import { createIdentities, peerCertificateOf } from "../../../src/identity/index.ts";
import type { Identities } from "../../../src/identity/index.ts";
import { authority, issue, type TestCertificate } from "./authority.ts";
import { configurationOf, identityOf } from "./tokens-setting.ts";

const restoreId = "spiffe://bank.example/prod/restore";
const names = [{ type: "url" as const, value: restoreId }];
const hour = 3_600_000;

let folder: string;
let ours: TestCertificate;
let theirs: TestCertificate;
let leaf: TestCertificate;
let other: TestCertificate;
let nowMs: number;
const open: Identities[] = [];
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "crl-"));
  [ours, theirs] = [await authority("ours"), await authority("theirs")];
  [leaf, other] = [await issue(ours, { names }), await issue(ours, { names })];
  writeFileSync(at("ca.pem"), ours.pem);
});
beforeEach(() => {
  nowMs = Date.now();
  return () => open.splice(0).forEach((one) => one.close());
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Wanted {
  readonly revoked?: readonly TestCertificate[];
  readonly from?: number;
  readonly to?: number | null;
  readonly extensions?: x509.Extension[];
}

/** A list that an authority signed, good for an hour. */
async function list(signer: TestCertificate, { revoked = [], from = -1_000, to = hour, extensions = [] }: Wanted = {}) {
  return x509.X509CrlGenerator.create({
    issuer: signer.made.subject,
    thisUpdate: new Date(nowMs + from),
    ...(to === null ? {} : { nextUpdate: new Date(nowMs + to) }),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    signingKey: signer.keys.privateKey as never,
    entries: revoked.map(({ made }) => ({ serialNumber: made.serialNumber, revocationDate: new Date(nowMs - 5_000) })),
    extensions,
  });
}

/** As RFC 7468, section 7, writes it. */
const pemOf = (made: x509.X509Crl) => `${x509.PemConverter.encode(made.rawData, "X509 CRL")}\n`;

function write(...lists: x509.X509Crl[]): void {
  writeFileSync(at("crl.pem"), lists.map(pemOf).join(""));
}

async function identities(): Promise<Identities> {
  const entry = identityOf("restore", { ca: at("ca.pem"), crl: at("crl.pem"), spiffe: restoreId });
  const made = await createIdentities(configurationOf([entry]), { clock: () => nowMs });
  open.push(made);
  return made;
}

const nameOf = async (certificate: TestCertificate, found?: Identities) =>
  (found ?? (await identities())).ofCertificate("mesh", peerCertificateOf(certificate.node))?.name;

describe("with revocation lists", () => {
  it("a certificate is somebody while its authority's list does not have it", async () => {
    write(await list(ours, { revoked: [other] }));
    expect(await nameOf(leaf)).toBe("restore");
    expect(await nameOf(other)).toBeUndefined();
  });

  it("a list in DER counts the same", async () => {
    writeFileSync(at("crl.pem"), Buffer.from((await list(ours, { revoked: [other] })).rawData));
    expect(await nameOf(leaf)).toBe("restore");
    expect(await nameOf(other)).toBeUndefined();
  });

  it.each([
    ["is of another authority", () => list(theirs)],
    ["has ended", () => list(ours, { from: -2 * hour, to: -1_000 })],
    ["has not begun", () => list(ours, { from: hour, to: 2 * hour })],
  ])("nobody is anybody by a list that %s", async (_, made) => {
    write(await made());
    expect(await nameOf(leaf)).toBeUndefined();
  });

  it("a list that has ended revokes still, beside one in date", async () => {
    write(await list(ours, { revoked: [other], from: -2 * hour, to: -1_000 }), await list(ours));
    expect(await nameOf(leaf)).toBe("restore");
    expect(await nameOf(other)).toBeUndefined();
  });

  it("a list's end ends those it stood for, on the same connection", async () => {
    write(await list(ours));
    const found = await identities();
    const peer = peerCertificateOf(leaf.node);
    expect(found.ofCertificate("mesh", peer)?.name).toBe("restore");
    nowMs += hour + 1_000;
    expect(found.ofCertificate("mesh", peer)).toBeUndefined();
  });

  it("a revocation ends an open connection when the file is looked at", async () => {
    write(await list(ours));
    const found = await identities();
    const peer = peerCertificateOf(leaf.node);
    expect(found.ofCertificate("mesh", peer)?.name).toBe("restore");
    write(await list(ours, { revoked: [leaf] }));
    await found.refresh();
    expect(found.ofCertificate("mesh", peer)).toBeUndefined();
  });

  it("an intermediate needs a list of its own, and may be revoked", async () => {
    const between = await issue(ours, { authority: true, commonName: "between" });
    const below = await issue(between, { names });
    const peer = () => ({ ...peerCertificateOf(below.node), chain: [below.node, between.node] });
    write(await list(ours));
    expect((await identities()).ofCertificate("mesh", peer())).toBeUndefined();
    write(await list(ours), await list(between));
    expect((await identities()).ofCertificate("mesh", peer())?.name).toBe("restore");
    write(await list(ours, { revoked: [between] }), await list(between));
    expect((await identities()).ofCertificate("mesh", peer())).toBeUndefined();
  });
});

describe("a file of revocation lists", () => {
  const critical = (oid: string) => new x509.Extension(oid, true, Uint8Array.of(2, 1, 1));

  it.each<[string, () => Promise<string> | string, RegExp]>([
    ["nothing in it", () => "", /no revocation list/],
    ["a certificate in it", () => ours.pem, /no revocation list/],
    ["a damaged list", async () => pemOf(await list(ours)).replace(/MII?/, "AAAA"), /damaged/],
    [
      "a list of changes alone",
      async () => pemOf(await list(ours, { extensions: [critical("2.5.29.27")] })),
      /critical/,
    ],
    [
      "a list of some certificates",
      async () => pemOf(await list(ours, { extensions: [critical("2.5.29.28")] })),
      /critical/,
    ],
  ])("with %s is refused", async (_, text, message) => {
    writeFileSync(at("bad.pem"), await text());
    await expect(readRevocationLists(at("bad.pem"))).rejects.toThrow(message);
    await expect(readRevocationLists(at("bad.pem"))).rejects.toThrow(PemError);
  });

  test.prop([fc.uint8Array({ maxLength: 300 }), fc.nat()], { numRuns: 200 })(
    "of any bytes is refused in words",
    async (bytes, cut) => {
      const real = Buffer.from((await list(ours)).rawData);
      for (const content of [bytes, Buffer.concat([Buffer.of(0x30), bytes]), real.subarray(0, cut % real.length)]) {
        writeFileSync(at("any.pem"), content);
        await expect(readRevocationLists(at("any.pem"))).rejects.toThrow(PemError);
      }
    },
  );
});

describe("authorities", () => {
  it("that were taken out of a bundle stop vouching for open connections, and new ones begin to", async () => {
    const entry = identityOf("restore", { ca: at("bundle.pem"), spiffe: restoreId });
    writeFileSync(at("bundle.pem"), ours.pem);
    const found = await createIdentities(configurationOf([entry]));
    open.push(found);
    const [mine, new_] = [peerCertificateOf(leaf.node), peerCertificateOf((await issue(theirs, { names })).node)];
    expect(found.ofCertificate("mesh", mine)?.name).toBe("restore");
    expect(found.ofCertificate("mesh", new_)).toBeUndefined();
    writeFileSync(at("bundle.pem"), theirs.pem);
    await found.refresh();
    expect(found.ofCertificate("mesh", mine)).toBeUndefined();
    expect(found.ofCertificate("mesh", new_)?.name).toBe("restore");
    writeFileSync(at("bundle.pem"), "half of a bundle");
    await found.refresh();
    expect(found.ofCertificate("mesh", new_)?.name).toBe("restore");
  });
});
