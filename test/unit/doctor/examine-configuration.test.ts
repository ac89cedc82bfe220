// What doctor says of configurations that the daemon would refuse.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { examineConfiguration } from "../../../src/doctor/index.ts";
import { masterKeyFile } from "../../backends/master-keys.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "kb-doctor-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const text = (source: string, more = "") => `
version: 1
realm: test
providers: { p: { kind: env, keys: { "1": "${source}" } } }
keys: { k: { wrapTo: [{ provider: p }] } }
listeners: { s: { unix: s.sock, identity: a } ${more} }
policy: [{ who: a, may: [wrap], keys: "*" }]
`;
const keyFile = () => `file:${masterKeyFile(folder, "key").path}`;

describe("a configuration", () => {
  test("that is right is summed up, its warnings are notes", async () => {
    const { configuration, diagnoses } = await examineConfiguration({ text: `${text(keyFile())}\nidentities: {}\n` });
    expect(configuration!.providers.size).toBe(1);
    expect(diagnoses[0]).toMatchObject({
      outcome: "good",
      detail: expect.stringContaining("1 provider, 1 key,") as string,
    });
    expect(diagnoses.slice(1).every(({ outcome }) => outcome === "note")).toBe(true);
  });

  test("whose variable is not set here: the daemon's environment may be another, and doctor says so", async () => {
    const { configuration, diagnoses } = await examineConfiguration({ text: text("${KEYBROKER_TEST_NOT_SET}") });
    expect(configuration).toBeUndefined();
    expect(diagnoses).toHaveLength(1);
    expect(diagnoses[0]).toMatchObject({ outcome: "bad", fault: "configuration" });
    expect(diagnoses[0]!.fix).toContain("doctor takes KEYBROKER_TEST_NOT_SET from its own environment");
    expect(diagnoses[0]!.fix).toContain("systemd-run");
  });

  test("with plain text from a variable that is not set says the same", async () => {
    const source = text(keyFile()).replace("unix: s.sock", 'unix: "${KEYBROKER_TEST_NOT_SET}"');
    expect((await examineConfiguration({ text: source })).diagnoses[0]!.fix).toContain("KEYBROKER_TEST_NOT_SET");
  });

  test("with a misspelt name gets the right one, at its line", async () => {
    const source = text(keyFile()).replace("provider: p }", "provider: pp }");
    const { diagnoses } = await examineConfiguration({ text: source });
    expect(diagnoses[0]).toMatchObject({ check: expect.stringMatching(/^line 5:\d+$/) as string, fix: 'write "p"' });
  });

  test("in a file that is not there", async () => {
    const { configuration, diagnoses } = await examineConfiguration({ file: join(folder, "none.yaml") });
    expect(configuration).toBeUndefined();
    expect(diagnoses[0]).toMatchObject({ outcome: "bad", check: "configuration", fault: "configuration" });
  });

  test("whose certificates are wrong still tells its providers", async () => {
    writeFileSync(join(folder, "tls.crt"), "no certificate");
    const tls = `tls: { cert: ${join(folder, "tls.crt")}, key: ${join(folder, "none")} }`;
    const source = text(keyFile(), `, t: { tcp: "127.0.0.1:0", ${tls} }`);
    const identities = `identities: { b: { listener: t, ca: ${join(folder, "none")}, dns: b.example } }`;
    const { configuration, diagnoses } = await examineConfiguration({ text: `${source}\n${identities}\n` });
    expect(diagnoses.some(({ outcome }) => outcome === "bad")).toBe(true);
    expect([...configuration!.providers.keys()]).toEqual(["p"]);
  });
});
