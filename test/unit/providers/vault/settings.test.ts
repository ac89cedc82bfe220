// What the vault provider takes in a configuration, and that no name leaves its place in a URL's path.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import vault from "../../../../providers/vault/index.ts";
import { provideVariable } from "../../../../src/provider/index.ts";

provideVariable("VAULT_SETTINGS_TOKEN", Buffer.from("s.token"));
const token = "${VAULT_SETTINGS_TOKEN}";
const minimal = { address: "https://vault.example:8200", auth: { token } };
const faultsOf = (value: unknown) =>
  vault.settings.safeParse(value).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];

describe("settings", () => {
  test("have defaults", () => {
    expect(vault.settings.parse(minimal)).toMatchObject({ address: "https://vault.example:8200", mount: "transit" });
    const { auth } = vault.settings.parse({ ...minimal, auth: { kubernetes: { role: "kb" } } }) as { auth: unknown };
    const tokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    expect(auth).toEqual({ kubernetes: { role: "kb", tokenFile, mount: "kubernetes" } });
  });

  test.each([
    ["http://vault.example:8200", "plain http"],
    ["https://vault.example/v1", "ends after the host"],
    ["https://user:pass@vault.example", "belongs under auth"],
    ["https://vault.example?a=b", "ends after the host"],
    ["ftp://vault.example", "https://"],
    ["vault.example:8200", "https://"],
    ["nonsense", "the server's address"],
  ])("refuse the address %s", (address, words) => {
    expect(faultsOf({ ...minimal, address }).join()).toContain(words);
  });

  test.each([
    "http://127.0.0.1:8200",
    "http://localhost:8200",
    "http://[::1]:8200",
    "https://vault.example",
    "https://vault.example/",
  ])("take the address %s", (address) => expect(faultsOf({ ...minimal, address })).toEqual([]));

  test("take exactly one way to log in", () => {
    expect(faultsOf({ ...minimal, auth: {} }).join()).toContain("exactly one of token, tokenFile");
    expect(faultsOf({ ...minimal, auth: { token, tokenFile: "/run/token" } }).join()).toContain("exactly one of");
  });

  test("take no secret, and repeat none", () => {
    const faults = faultsOf({ ...minimal, auth: { token: "hvs.CAESIJ" } }).join();
    expect(faults).toContain("never stands here");
    expect(faults).not.toContain("hvs");
  });

  test("want https for a client certificate", () => {
    const auth = { certificate: { cert: "/etc/kb.crt", key: token } };
    expect(faultsOf({ address: "http://127.0.0.1:1", auth }).join()).toContain("needs an https address");
    expect(faultsOf({ address: "https://127.0.0.1:1", auth })).toEqual([]);
  });

  test.each([{ tokenFile: "relative" }, { approle: {} }, { kubernetes: { role: "a/b" } }, { token, extra: 1 }])(
    "refuse %j under auth",
    (auth) => expect(faultsOf({ ...minimal, auth })).not.toEqual([]),
  );
});

const climbing = [
  "..",
  ".",
  "../a",
  "a/..",
  "a/../b",
  "/a",
  "a/",
  "a//b",
  "a%2e%2e",
  "a\\b",
  "a?b",
  "a#b",
  "a b",
  "",
  "a&#x2F;b",
  "{{a}}",
  "ä",
];

describe("names", () => {
  test.each(climbing)("refuse %j", (name) => {
    expect(faultsOf({ ...minimal, mount: name })).not.toEqual([]);
    expect(faultsOf({ ...minimal, namespace: name })).not.toEqual([]);
    expect(vault.reference.safeParse({ key: name }).success).toBe(false);
    expect(vault.reference.safeParse({ key: "kb", id: name }).success).toBe(false);
  });

  test("take what servers take", () => {
    for (const name of ["kb", "KB_1", "a.b-c", "_", "a..b"])
      expect(vault.reference.safeParse({ key: name }).success).toBe(true);
    expect(faultsOf({ ...minimal, namespace: "admin/team-1", mount: "keys/db" })).toEqual([]);
    expect(vault.reference.safeParse({ key: "a/b" }).success).toBe(false);
  });

  const nearPath = fc.string({ unit: fc.constantFrom(..."ab_.-/%\\?#&;{} 2e") });
  property.prop([fc.oneof(nearPath, fc.string())])("never change where a URL points", (name) => {
    fc.pre(faultsOf({ ...minimal, mount: name }).length === 0);
    const uri = `https://vault.example/v1/${name}/keys/kb`;
    expect(new URL(uri).href).toBe(uri);
  });
});
