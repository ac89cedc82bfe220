import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configurationFrom } from "../../../src/config/index.ts";
import { testKey } from "../grants/keys.ts";
import { errorOf, textOf } from "./texts.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kb-approvers-"));
  const [one, other] = [testKey(), testKey()];
  writeFileSync(join(folder, "one.pub"), `${one.line}\n`);
  writeFileSync(join(folder, "both.pub"), `${other.line}\n${one.line}\n`);
  writeFileSync(join(folder, "open.pub"), `${testKey().line}\n`);
  chmodSync(join(folder, "open.pub"), 0o666);
  writeFileSync(join(folder, "private"), "-----BEGIN OPENSSH PRIVATE KEY-----\nsecretsecret\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

const textWith = (approvers: string) => textOf({ extra: `approvers: { ${approvers} }\n` });
const key = (name: string) => `sshKey: ${join(folder, name)}`;

describe("approvers", () => {
  it("have a file of keys, an absolute path then, and identities of their own", async () => {
    const { configuration } = await configurationFrom(textWith(`dba: { ${key("one.pub")}, identities: backup }`));
    expect([...configuration.approvers.values()]).toEqual([
      { name: "dba", sshKey: join(folder, "one.pub"), identities: ["backup"] },
    ]);
  });

  it.each([
    ["is not there", "dba: { sshKey: /nowhere.pub }", "is not there"],
    ["is a private key", "PRIVATE", "private key"],
    ["others may change", "OPEN", "may be changed by other users"],
    ["has another approver's key", "TWICE", "is a's key too"],
    ["goes with an identity that nobody has", "IDENTITY", 'there is no identity "nobody"'],
  ])("are refused where the file %s", async (_what, approvers, words) => {
    const written: Record<string, string> = {
      PRIVATE: `dba: { ${key("private")} }`,
      OPEN: `dba: { ${key("open.pub")} }`,
      TWICE: `a: { ${key("one.pub")} }, b: { ${key("both.pub")} }`,
      IDENTITY: `a: { ${key("one.pub")}, identities: nobody }`,
    };
    const error = await errorOf(textWith(written[approvers] ?? approvers));
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("secretsecret");
  });

  it("must exist where a rule names them", async () => {
    const rule = `{ who: backup, may: unwrap, keys: "*", grant: { approvals: 1, from: dbb, maxFor: 1h, maxUnwraps: 1 } }`;
    const text = textOf({ policy: `[${rule}]`, extra: `approvers: { dba: { ${key("one.pub")} } }\n` });
    const error = await errorOf(text);
    expect(error.message).toContain('there is no approver "dbb"');
  });
});
