// The commands of providers/vault/README.md, run as they stand against a real OpenBao: the set-up, the policy, the alarm.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import vault from "../../providers/vault/index.ts";
import { bindingOf } from "../../src/provider/index.ts";
import type { Finding, Provider } from "../../src/provider/index.ts";
import { available, debianProgram, root } from "../backends/available.ts";
import { createAuthority } from "../backends/certificates.ts";
import { openbao, startOpenBao } from "../backends/openbao.ts";
import type { OpenBao } from "../backends/openbao.ts";

const program = available(openbao);
const jq = available(debianProgram("jq"));
const signal = new AbortController().signal;
const readme = readFileSync(join(root, "providers/vault/README.md"), "utf8");

/** The fenced blocks of a language, in order. */
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) => text!);
const blockWith = (language: string, words: string) => {
  const found = blocks(language).filter((text) => text.includes(words));
  expect(found, `one ${language} block with ${words}`).toHaveLength(1);
  return found[0]!;
};

const binding = bindingOf({
  suite: 1,
  realm: "prod",
  key: "backups/db",
  branchId: Buffer.alloc(16, 5),
  share: 1,
  threshold: 1,
  recipients: 1,
});

describe.skipIf(program === undefined)("over OpenBao", () => {
  const folder = mkdtempSync(join(tmpdir(), "vault-readme-"));
  const audit = join(folder, "audit.log");
  let bao: OpenBao;
  let provider: Provider;

  beforeAll(async () => {
    bao = await startOpenBao(program!, { audit });
    await bao.must("DELETE", "sys/mounts/transit");
    writeFileSync(join(folder, "keybroker.hcl"), blocks("hcl")[0]!);
    for (const name of ["broker-ca", "kubernetes-ca"]) await createAuthority(folder, name);
  });
  afterAll(async () => {
    await provider?.close();
    await bao?.stop();
    rmSync(folder, { recursive: true });
  });

  /** With our folder and address where the page has its reader's. */
  function shell(commands: string): string {
    const here = commands.replaceAll("/etc/keybroker", folder).replaceAll("10.1.2.3", "127.0.0.1");
    const path = [dirname(program!), process.env["PATH"]].join(delimiter);
    const env = { PATH: path, HOME: folder, BAO_ADDR: bao.address, BAO_TOKEN: bao.rootToken };
    const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-euo", "pipefail", "-c", here], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    expect(`${status} ${status === 0 ? "" : stderr}`).toBe("0 ");
    return stdout;
  }

  test("the engine, the key, the policy and AppRole are set up, and the configuration wraps and unwraps", async () => {
    shell(blockWith("bash", "bao policy write"));
    const roleId = /[0-9a-f-]{36}/.exec(shell(blockWith("bash", "bao auth enable approle")))![0];
    const yaml = parse(blockWith("yaml", "kind: vault")) as Page;
    const { kind, ca, auth, ...settings } = yaml.providers["vault-eu"]!;
    expect([kind, ca]).toEqual(["vault", "/etc/keybroker/vault-ca.pem"]);
    const appRole = { roleId, secretId: auth.appRole.secretId.replace("/etc/keybroker", folder) };
    const opened = vault.settings.parse({ ...settings, address: bao.address, auth: { appRole } });
    provider = await vault.open(opened as never);
    const { provider: name, ...reference } = yaml.keys["backups/db"]!.wrapTo[0]!;
    expect(name).toBe("vault-eu");
    const key = await provider.masterKey(vault.reference.parse(reference), signal);
    const { wrapped, scheme } = await key.wrap(Buffer.alloc(64, 7), binding, signal);
    expect((await key.unwrap(wrapped, scheme, binding, signal)).material.equals(Buffer.alloc(64, 7))).toBe(true);
    expect(key.id).toBe("transit/backups-db");
  });

  test("doctor finds nothing wrong with it", async () => {
    const found: Finding[] = [];
    for await (const one of provider.examine!([{ key: "backups-db" }], signal)) found.push(one);
    expect(found.filter(({ outcome }) => outcome !== "good")).toEqual([]);
  });

  test("the policy lets the broker make no key, change none and read no other", async () => {
    const role = (await bao.must("GET", "auth/approle/role/keybroker/role-id")).data["role_id"];
    const { data } = await bao.must("POST", "auth/approle/role/keybroker/secret-id", {});
    const login = { role_id: role, secret_id: data["secret_id"] };
    const token = String((await bao.must("POST", "auth/approle/login", login)).auth["client_token"]);
    await bao.must("POST", "transit/keys/other", {});
    for (const [method, path] of [
      ["POST", "transit/encrypt/mistyped"],
      ["POST", "transit/encrypt/other"],
      ["POST", "transit/decrypt/other"],
      ["POST", "transit/keys/backups-db/rotate"],
      ["POST", "transit/keys/backups-db/config"],
      ["DELETE", "transit/keys/backups-db"],
      ["GET", "transit/export/encryption-key/backups-db"],
    ] as const)
      expect(
        (await bao.call(method, path, method === "POST" ? { plaintext: "AAAA" } : undefined, { token })).status,
        path,
      ).toBe(403);
  });

  test("no token at all makes a key by encrypting", async () => {
    const { status } = await bao.call("POST", "transit/encrypt/mistyped", { plaintext: "AAAA" });
    expect(status).toBeGreaterThanOrEqual(400);
    expect((await bao.call("GET", "transit/keys/mistyped")).status).toBe(404);
  });

  test("the other logins are set up", () => {
    shell(blockWith("bash", "bao auth enable kubernetes"));
    shell(blockWith("bash", "bao auth enable cert"));
  });

  test.skipIf(jq === undefined)("the alarm tells of everyone else's decryption, and not of the broker's", async () => {
    expect(shell(blockWith("bash", "jq -c"))).toBe("");
    await bao.call("POST", "transit/decrypt/backups-db", { ciphertext: "vault:v1:AAAA" });
    const lines = shell(blockWith("bash", "jq -c")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { path: "transit/decrypt/backups-db", who: "root" },
    ]);
  });
});

interface Page {
  readonly providers: Record<
    string,
    { kind: string; ca: string; address: string; auth: { appRole: { secretId: string } } }
  >;
  readonly keys: Record<string, { wrapTo: { provider: string; key: string }[] }>;
}
