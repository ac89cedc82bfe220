// What may stand in a configuration of gcp-kms, and what is said of the rest.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test as propertyTest } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { isLoopback, parseEndpoint } from "../../../../providers/gcp-kms/endpoint.ts";
import gcpKms from "../../../../providers/gcp-kms/index.ts";
import { digestOf } from "../../../../src/config/kinds.ts";
import { keyNameFault, versionName, versionOf } from "../../../../providers/gcp-kms/key-name.ts";

const name = "projects/p-1/locations/europe-west3/keyRings/Ring_1/cryptoKeys/key-1";

function faults(schema: typeof gcpKms.settings, value: unknown): string[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("a reference", () => {
  test.each([
    name,
    "projects/123456789012/locations/global/keyRings/r/cryptoKeys/k",
    "projects/example.com:project/locations/global/keyRings/r/cryptoKeys/k",
  ])("%s is a key", (key) => {
    expect(gcpKms.reference.parse({ key })).toEqual({ key });
  });

  test("a version is refused with what to write", () => {
    const key = `${name}/cryptoKeyVersions/3`;
    expect(faults(gcpKms.reference, { key })).toEqual([expect.stringContaining(`write ${name}`)]);
  });

  test.each([
    "",
    "key-1",
    `/${name}`,
    `${name}/`,
    `${name}/../key-2`,
    `${name}?alt=json`,
    `${name}\n`,
    ` ${name}`,
    name.replace("key-1", ""),
    name.replace("key-1", ".."),
    name.replace("key-1", "%2e%2e"),
    name.replace("key-1", "k".repeat(64)),
    name.replace("p-1", "P 1"),
    name.replace("projects", "Projects"),
    name.replace("keyRings/Ring_1/", ""),
    name.replace("europe-west3", "-"),
    `//cloudkms.googleapis.com/${name}`,
  ])("%j is none", (key) => {
    expect(faults(gcpKms.reference, { key })).toHaveLength(1);
  });

  propertyTest.prop([fc.string({ unit: "binary" })])("whatever is taken has no word but a key's", (text) => {
    if (keyNameFault(text) === undefined)
      expect(text).toMatch(/^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[\w-]+$/);
  });

  propertyTest.prop([fc.nat({ max: 2 ** 31 }), fc.string()])(
    "a version is only found in a name of its own key",
    (n, text) => {
      expect(versionOf(name, versionName(name, String(n + 1)))).toBe(String(n + 1));
      expect(versionOf(name, versionName(`${name}x`, String(n + 1)))).toBeUndefined();
      const found = versionOf(name, versionName(name, text));
      if (found !== undefined) expect(found).toMatch(/^[1-9][0-9]{0,9}$/);
    },
  );
});

describe("the settings", () => {
  test("none at all are application default credentials and Google's own endpoint", () => {
    expect(gcpKms.settings.parse({})).toEqual({});
  });

  test("credentials never stand there themselves", () => {
    const credentials = '{"type":"service_account"}';
    const [fault, ...more] = faults(gcpKms.settings, { credentials });
    expect(more).toEqual([]);
    expect(fault).toContain("a secret never stands here itself");
    expect(fault).not.toContain("service_account");
  });

  test("without TLS only a loopback endpoint is taken", () => {
    expect(faults(gcpKms.settings, { insecure: true, endpoint: "127.0.0.1:9010" })).toEqual([]);
    expect(faults(gcpKms.settings, { insecure: true, endpoint: "[::1]:9010" })).toEqual([]);
    for (const endpoint of [undefined, "kms.example:443", "10.0.0.1:443", "127.0.0.1.example:80", "[::2]:80"]) {
      expect(faults(gcpKms.settings, { insecure: true, endpoint })).toEqual([expect.stringContaining("loopback")]);
    }
  });

  test("without TLS there is no authority", () => {
    const settings = { insecure: true, endpoint: "localhost:1", ca: import.meta.filename };
    expect(faults(gcpKms.settings, settings)).toEqual([expect.stringContaining("nothing to check")]);
  });

  test("a replaced file of authorities makes other settings, so that a reload opens the provider anew", () => {
    const folder = mkdtempSync(join(tmpdir(), "gcp-kms-settings-"));
    const ca = join(folder, "ca.pem");
    const digest = () => digestOf(gcpKms.settings.parse({ ca }));
    writeFileSync(ca, "one");
    const first = digest();
    expect(digest()).toBe(first);
    writeFileSync(join(folder, "next.pem"), "two");
    renameSync(join(folder, "next.pem"), ca);
    expect(digest()).not.toBe(first);
    rmSync(folder, { recursive: true });
    expect(faults(gcpKms.settings, { ca })).toEqual([expect.stringContaining(`${ca} is not there`)]);
    expect(faults(gcpKms.settings, { ca: "ca.pem" })).toEqual(["ca: expected an absolute path"]);
  });

  test("with TLS the endpoint is a name", () => {
    expect(faults(gcpKms.settings, { endpoint: "10.0.0.1" })).toEqual([expect.stringContaining("is a name")]);
  });

  test.each([
    "https://kms.example",
    "kms.example:0",
    "kms.example:65536",
    "kms.example:",
    "user@kms.example",
    "kms..example",
    "kms.example/v1",
    "::1",
    "[kms.example]:443",
    "",
  ])("%j is no endpoint", (endpoint) => {
    expect(faults(gcpKms.settings, { endpoint })).toEqual([expect.stringContaining("host:port")]);
  });

  test("an endpoint without a port has 443", () => {
    expect(parseEndpoint("cloudkms.p.googleapis.com")).toEqual({ host: "cloudkms.p.googleapis.com", port: 443 });
  });

  propertyTest.prop([fc.string({ unit: "binary" })])("an endpoint is a host and a port, or nothing", (text) => {
    const endpoint = parseEndpoint(text);
    if (!endpoint) return;
    expect(endpoint.host).toMatch(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)$/);
    expect(endpoint.port).toBeGreaterThan(0);
  });

  propertyTest.prop([fc.domain()])("a domain is no loopback", (host) => {
    expect(isLoopback({ host, port: 443 })).toBe(false);
  });

  test("fields that are not there are refused", () => {
    expect(faults(gcpKms.settings, { keyFile: "/x" })).toHaveLength(1);
    expect(faults(gcpKms.settings, { only: "read" })).toHaveLength(1);
  });
});
