import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { load, problemsOf, textOf } from "./texts.ts";

const skip = { files: "skip" } as const;
const folder = mkdtempSync(join(tmpdir(), "kb-"));
afterAll(() => rmSync(folder, { recursive: true }));

const listeners = `
  sock: { unix: /run/a.sock, identity: backup, attributes: { tenant: b } }
  mesh: { tcp: 127.0.0.1:7443, tls: { cert: /tls.crt, key: /tls.key } }`;
const restore = "\n  restore: { listener: mesh, ca: /ca.pem, spiffe: spiffe://bank.example/restore }";

/** Fields of a token in order; `undefined` leaves one out. */
function jwt(more: Record<string, string | undefined> = {}): string {
  const fields: Record<string, string | undefined> = {
    issuer: "https://k8s.bank.example",
    audience: "keybroker-prod",
    subject: '"system:serviceaccount:payments:ledger"',
    jwks: "/jwks.json",
    algorithms: "RS256",
    maxLifetime: "10m",
    ...more,
  };
  const written = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `{ ${written.map(([name, value]) => `${name}: ${value}`).join(", ")} }`;
}

const text = (identities: string) => textOf({ listeners, extra: `identities:${restore}${identities}\n` });
const ledger = (more = "", token = jwt()) => text(`\n  ledger: { listener: mesh, jwt: ${token}${more} }`);

/** The problems without their places. */
async function faults(configuration: string, options: object = skip): Promise<string[]> {
  return (await problemsOf(configuration, options)).map((one) => one.replace(/^\d+:\d+: /, ""));
}

describe("an identity with tokens", () => {
  it("is read whole, with defaults", async () => {
    expect((await load(ledger(), skip)).identities.get("ledger")).toEqual({
      name: "ledger",
      listener: "mesh",
      ca: undefined,
      crl: undefined,
      spiffe: undefined,
      dns: undefined,
      within: undefined,
      attributes: {},
      token: {
        issuer: "https://k8s.bank.example",
        audience: "keybroker-prod",
        subject: "system:serviceaccount:payments:ledger",
        algorithms: ["RS256"],
        keys: { file: "/jwks.json" },
        maxLifetimeMs: 600_000,
        clockSkewMs: 30_000,
        claims: {},
      },
    });
  });

  it("may name its keys by file: too, or by URL with an authority", async () => {
    const keysOf = async (more: Record<string, string>) =>
      (await load(ledger("", jwt(more)), skip)).identities.get("ledger")?.token?.keys;
    expect(await keysOf({ jwks: "file:/jwks.json" })).toEqual({ file: "/jwks.json" });
    expect(await keysOf({ jwks: '"https://k8s/keys"', jwksCa: "/k8s.pem" })).toEqual({
      url: "https://k8s/keys",
      ca: "/k8s.pem",
    });
  });

  it.each(["issuer", "audience", "subject", "jwks", "algorithms", "maxLifetime"])("needs %s", async (field) => {
    expect(await faults(ledger("", jwt({ [field]: undefined })))).toEqual([
      expect.stringMatching(new RegExp(`^identities\\.ledger\\.jwt\\.${field}: `)),
    ]);
  });

  it.each([
    ["algorithms", "none"],
    ["algorithms", "HS256"],
    ["algorithms", "[RS256, HS512]"],
    ["algorithms", "[]"],
    ["jwks", '"http://k8s/keys"'],
    ["jwks", '"https://user:secret@k8s/keys"'],
    ["jwks", '"ftp://k8s/keys"'],
    ["jwks", "'{\"keys\": []}'"],
    ["maxLifetime", "2d"],
    ["clockSkew", "61s"],
    ["subject", '""'],
    ["claims", "{ tenant: tenant }"],
    ["claims", "{ name: /sub }"],
    ["claims", '{ tenant: "/a~2b" }'],
  ])("refuses %s: %s", async (field, value) => {
    const found = await faults(ledger("", jwt({ [field]: value })));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`identities.ledger.jwt.${field}`);
    expect(found[0]).not.toContain("secret@");
  });

  it.each([
    ["ca", ", ca: /ca.pem", /leave them out/],
    ["a SPIFFE id", ", ca: /ca.pem, spiffe: spiffe://a/b", /exactly one of/],
    ["within another that is not there", ", within: nobody", /there is no identity "nobody"/],
    ["within one of a socket", ", within: backup", /shows no certificate at mesh/],
    ["within itself", ", within: ledger", /must be an identity that shows a certificate/],
    ["an attribute called name", ", attributes: { name: x }", /by itself: it is its name/],
    ["an attribute without a value", ", attributes: { tenant: '' }", /expected a text/],
  ])("is refused with %s", async (_, more, message) => {
    const found = await faults(ledger(more));
    expect(found.join("\n")).toMatch(message);
  });

  it("is refused when an attribute is given twice, and when nothing says who a certificate's authority is", async () => {
    expect(await faults(ledger(", attributes: { tenant: a }", jwt({ claims: "{ tenant: /tenant }" })))).toEqual([
      "identities.ledger.attributes: an attribute is given both here and by claims",
    ]);
    expect(await faults(text("\n  x: { listener: mesh, dns: x.example }"))).toEqual([
      "identities.x: ca is missing: the authorities that may vouch for its certificate",
    ]);
    expect(await faults(text("\n  x: { listener: mesh, ca: /ca.pem, dns: x.example, within: restore }"))).toEqual([
      "identities.x.within: only a token can be within another identity: leave within out",
    ]);
  });

  it("may be within an identity with a certificate at its listener", async () => {
    expect((await load(ledger(", within: restore"), skip)).identities.get("ledger")?.within).toBe("restore");
  });

  it("comes over a unix socket only to narrow its identity", async () => {
    const over = (more: string) => faults(text(`\n  ledger: { listener: sock, jwt: ${jwt()}${more} }`));
    expect(await over("")).toEqual([
      "identities.ledger.listener: over the unix listener sock a token only narrows: within must be backup",
    ]);
    expect(await over(", within: restore")).toEqual([
      "identities.ledger.within: over the unix listener sock a token only narrows: within must be backup",
    ]);
    await load(text(`\n  ledger: { listener: sock, jwt: ${jwt()}, within: backup }`), skip);
  });

  it("does not share a token with another", async () => {
    const beside = (other: Record<string, string>) =>
      text(`\n  ledger: { listener: mesh, jwt: ${jwt()} }\n  again: { listener: mesh, jwt: ${jwt(other)} }`);
    expect(await faults(beside({ jwks: "/other.json" }))).toEqual([
      "identities.again.jwt: one token could be both this and ledger: each name at a listener belongs to one identity",
    ]);
    await load(beside({ audience: "other" }), skip);
  });
});

it("a socket's identity has the attributes that its listener gives it", async () => {
  expect((await load(text(""), skip)).listeners.get("sock")).toMatchObject({ attributes: { tenant: "b" } });
});

describe("the files of identities", () => {
  it.each([
    ["jwks", "none.json", undefined, /is not there/],
    ["jwks", "bad.json", "{", /no JSON Web Key Set/],
    ["jwks", "secret.json", '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}', /secret key/],
  ])("are looked into: %s in %s", async (_, name, content, message) => {
    const file = join(folder, name);
    if (content !== undefined) writeFileSync(file, content, { mode: 0o600 });
    const found = await faults(ledger("", jwt({ jwks: file })), {});
    expect(found.filter((one) => one.startsWith("identities.ledger"))).toEqual([expect.stringMatching(message)]);
    expect(found.join()).not.toContain("c2VjcmV0");
  });

  it("are looked into: a revocation list that is none", async () => {
    const file = join(folder, "crl.pem");
    writeFileSync(file, "nothing");
    const found = await faults(text(`\n  x: { listener: mesh, ca: /ca.pem, crl: ${file}, dns: x.example }`), {});
    expect(found.filter((one) => one.includes(".crl"))).toEqual([
      `identities.x.crl: ${file} has no revocation list in PEM or DER form`,
    ]);
  });
});
