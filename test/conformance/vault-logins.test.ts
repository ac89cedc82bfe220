// The vault provider's logins, and a server's own states, over a real OpenBao server.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import vault from "../../providers/vault/index.ts";
import { bindingOf } from "../../src/provider/index.ts";
import type { Finding, MasterKey, Notice, Provider } from "../../src/provider/index.ts";
import { available } from "../backends/available.ts";
import { createAuthority } from "../backends/certificates.ts";
import type { Authority } from "../backends/certificates.ts";
import { openbao, startOpenBao } from "../backends/openbao.ts";
import type { TlsOpenBao } from "../backends/openbao.ts";
import { passTo, startFront } from "../fakes/vault/front.ts";
import type { Front } from "../fakes/vault/front.ts";
import { startTokenReviewer } from "../fakes/vault/token-review.ts";
import type { TokenReviewer } from "../fakes/vault/token-review.ts";

const program = available(openbao);
const signal = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), "vault-logins-"));
const binding = bindingOf({
  suite: 1,
  realm: "prod",
  key: "backups/db",
  branchId: Buffer.alloc(16, 5),
  share: 1,
  threshold: 1,
  recipients: 1,
});
const material = Buffer.alloc(64, 7);

const policy = `path "transit/encrypt/kb" { capabilities = ["update"] }
path "transit/decrypt/kb" { capabilities = ["update"] }
path "transit/keys/kb" { capabilities = ["read"] }`;

/** Replaces a file as Kubernetes and Vault Agent do: at once. */
function put(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return path;
}

describe.skipIf(program === undefined)("over OpenBao", () => {
  let bao: TlsOpenBao;
  let front: Front;
  let authority: Authority;
  let reviewer: TokenReviewer;
  const open: Provider[] = [];
  const notices: Notice[] = [];

  beforeAll(async () => {
    authority = await createAuthority(folder, "authority");
    const server = await authority.issue("server", [{ type: "ip", value: "127.0.0.1" }]);
    bao = await startOpenBao(program!, { tls: { ...server, clientCa: authority.ca } });
    front = await startFront(passTo(bao.address));
    reviewer = await startTokenReviewer();
    await bao.must("POST", "transit/keys/kb", {});
    await bao.must("POST", "sys/policies/acl/broker", { policy });
    for (const type of ["approle", "kubernetes", "cert"]) await bao.must("POST", `sys/auth/${type}`, { type });
  });
  afterAll(async () => {
    await front?.close();
    await reviewer?.close();
    await bao?.stop();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    for (const provider of open.splice(0)) await provider.close();
    notices.splice(0);
    front.play(undefined);
  });

  async function providerOf(auth: unknown, more: object = {}): Promise<Provider> {
    const settings = vault.settings.parse({ address: `http://127.0.0.1:${front.port}`, auth, ...more });
    const provider = await vault.open(settings as never, (notice) => notices.push(notice));
    open.push(provider);
    return provider;
  }

  async function keyOf(auth: unknown, more: object = {}, key = "kb"): Promise<MasterKey> {
    return await (await providerOf(auth, more)).masterKey({ key }, signal);
  }

  async function roundTrip(key: MasterKey): Promise<void> {
    const { wrapped, scheme } = await key.wrap(material, binding, signal);
    const { material: answered } = await key.unwrap(wrapped, scheme, binding, signal);
    expect(answered.equals(material)).toBe(true);
  }

  const loginsSince = (start: number) => front.seen.slice(start).filter(({ path }) => path.endsWith("/login")).length;
  const lastToken = () =>
    String(front.seen.findLast(({ headers }) => headers["x-vault-token"])!.headers["x-vault-token"]);
  const revoke = (token: string) => bao.must("POST", "auth/token/revoke", { token });

  async function appRole(uses = 0): Promise<{ roleId: string; secretId: string; file: string }> {
    await bao.must("POST", "auth/approle/role/broker", {
      token_policies: ["broker"],
      token_ttl: "1h",
      secret_id_num_uses: uses,
    });
    const { data } = await bao.must("GET", "auth/approle/role/broker/role-id");
    const file = await newSecretId();
    return { roleId: String(data["role_id"]), secretId: `file:${file}`, file };
  }

  async function newSecretId(): Promise<string> {
    const { data } = await bao.must("POST", "auth/approle/role/broker/secret-id", {});
    return put("secret-id", `${String(data["secret_id"])}\n`);
  }

  test("AppRole: one login serves many calls, and the token is given back at the end", async () => {
    const { roleId, secretId } = await appRole();
    const start = front.seen.length;
    const provider = await providerOf({ appRole: { roleId, secretId } });
    const key = await provider.masterKey({ key: "kb" }, signal);
    await Promise.all(Array.from({ length: 20 }, () => roundTrip(key)));
    expect(loginsSince(start)).toBe(1);
    const token = lastToken();
    await provider.close();
    expect((await bao.call("GET", "auth/token/lookup-self", undefined, { token })).status).toBe(403);
  });

  test("AppRole: a revoked token costs one login, however many calls met it", async () => {
    const { roleId, secretId } = await appRole();
    const key = await keyOf({ appRole: { roleId, secretId } });
    await roundTrip(key);
    await revoke(lastToken());
    const start = front.seen.length;
    await Promise.all(Array.from({ length: 20 }, () => roundTrip(key)));
    expect(loginsSince(start)).toBe(1);
  });

  test("AppRole: a secret id that is used up is asked for once, and a new one in the file ends it", async () => {
    const { roleId, secretId } = await appRole(1);
    const key = await keyOf({ appRole: { roleId, secretId } });
    await roundTrip(key);
    await revoke(lastToken());
    const start = front.seen.length;
    for (let call = 0; call < 5; call++) {
      await expect(roundTrip(key)).rejects.toMatchObject({
        reason: "KEY_DISABLED",
        message: expect.stringMatching(
          /AppRole .* refuses the login .*put a new secret id into file .*secret-id/,
        ) as string,
      });
    }
    expect(loginsSince(start)).toBe(1);
    expect(notices).toMatchObject([{ topic: "credential-login", level: "error" }]);
    await newSecretId();
    await roundTrip(key);
    expect(loginsSince(start)).toBe(2);
  });

  test("a permission that was taken away is told as such, with one login, and heals by itself", async () => {
    const { roleId, secretId } = await appRole();
    const key = await keyOf({ appRole: { roleId, secretId } });
    await roundTrip(key);
    await bao.must("POST", "sys/policies/acl/broker", { policy: 'path "nothing" { capabilities = ["read"] }' });
    const start = front.seen.length;
    for (let call = 0; call < 5; call++)
      await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    expect(loginsSince(start)).toBe(1);
    await bao.must("POST", "sys/policies/acl/broker", { policy });
    await roundTrip(key);
    expect(loginsSince(start)).toBe(1);
  });

  test("a token file is read again when it changes", async () => {
    const make = async () =>
      (await bao.must("POST", "auth/token/create", { policies: ["broker"], ttl: "1h" })).auth["client_token"] as string;
    const first = await make();
    const tokenFile = put("token", first);
    const key = await keyOf({ tokenFile });
    await roundTrip(key);
    await revoke(first);
    await expect(roundTrip(key)).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    put("token", `${await make()}\n`);
    await roundTrip(key);
  });

  test("a token file that is not there yet is waited for", async () => {
    const key = await keyOf({ tokenFile: join(folder, "later") });
    await expect(roundTrip(key)).rejects.toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringContaining("later") as string,
    });
    const { auth } = await bao.must("POST", "auth/token/create", { policies: ["broker"], ttl: "1h" });
    put("later", String(auth["client_token"]));
    await roundTrip(key);
  });

  test("Kubernetes: the projected token is read at each login", async () => {
    await bao.must("POST", "auth/kubernetes/config", {
      kubernetes_host: reviewer.address,
      disable_local_ca_jwt: true,
      kubernetes_ca_cert: readFileSync(authority.ca, "utf8"),
      token_reviewer_jwt: reviewer.issue("vault", "reviewer"),
    });
    const role = {
      bound_service_account_names: ["keybroker"],
      bound_service_account_namespaces: ["backup"],
      token_policies: ["broker"],
      token_ttl: "1h",
    };
    await bao.must("POST", "auth/kubernetes/role/broker", role);
    const first = reviewer.issue("backup", "keybroker");
    const tokenFile = put("projected", first);
    const key = await keyOf({ kubernetes: { role: "broker", tokenFile } });
    await roundTrip(key);
    reviewer.revoke(first);
    const second = reviewer.issue("backup", "keybroker");
    put("projected", second);
    await revoke(lastToken());
    await roundTrip(key);
    expect(reviewer.reviewed).toEqual([first, second]);
  });

  test("a TLS certificate logs in, over a listener of a private authority", async () => {
    const { cert, key: keyFile } = await authority.issue("broker", [{ type: "dns", value: "broker.example" }]);
    const certificate = readFileSync(authority.ca, "utf8");
    await bao.must("POST", "auth/cert/certs/broker", {
      certificate,
      allowed_dns_sans: ["broker.example"],
      token_policies: ["broker"],
    });
    const auth = { certificate: { cert, key: `file:${keyFile}`, role: "broker" } };
    const key = await keyOf(auth, { address: bao.tlsAddress, ca: authority.ca });
    await roundTrip(key);
    const stranger = await authority.issue("stranger", [{ type: "dns", value: "stranger.example" }]);
    const other = { certificate: { cert: stranger.cert, key: `file:${stranger.key}`, role: "broker" } };
    const denied = await keyOf(other, { address: bao.tlsAddress, ca: authority.ca });
    await expect(roundTrip(denied)).rejects.toMatchObject({
      reason: "KEY_DISABLED",
      message: expect.stringContaining("TLS certificate") as string,
    });
  });

  test("a server of an unknown authority is not talked to", async () => {
    const { auth } = await bao.must("POST", "auth/token/create", { policies: ["broker"] });
    const key = await keyOf({ tokenFile: put("strange", String(auth["client_token"])) }, { address: bao.tlsAddress });
    await expect(roundTrip(key)).rejects.toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringMatching(/authority: name it with ca/) as string,
    });
  });

  const rootAuth = () => ({ tokenFile: put("root", bao.rootToken) });

  test("a namespace has its own engine, and stands in the id", async () => {
    await bao.must("POST", "sys/namespaces/team");
    await bao.must("POST", "sys/mounts/keys/db", { type: "transit" }, { namespace: "team" });
    await bao.must("POST", "keys/db/keys/kb", {}, { namespace: "team" });
    const key = await keyOf(rootAuth(), { namespace: "team", mount: "keys/db" });
    expect(key.id).toBe("team/keys/db/kb");
    await roundTrip(key);
    const nowhere = await keyOf(rootAuth(), { namespace: "nowhere" });
    await expect(roundTrip(nowhere)).rejects.toMatchObject({
      reason: "KEY_DISABLED",
      message: expect.stringContaining("namespace") as string,
    });
  });

  test("a key that is not there is not made, whatever the token may do", async () => {
    const key = await keyOf(rootAuth(), {}, "nothing");
    await expect(roundTrip(key)).rejects.toMatchObject({
      reason: "KEY_DISABLED",
      message: expect.stringContaining("transit/keys/nothing") as string,
    });
    expect((await bao.call("GET", "transit/keys/nothing")).status).toBe(404);
  });

  test.each([
    ["derived", { derived: true }],
    ["derived", { derived: true, convergent_encryption: true }],
    ["type aes128-gcm96", { type: "aes128-gcm96" }],
    ["type rsa-2048", { type: "rsa-2048" }],
    ["type ed25519", { type: "ed25519" }],
  ])("a key that is %s is refused in words", async (words, body) => {
    const name = `unfit-${words.replaceAll(/\W/g, "-")}-${Object.keys(body).length}`;
    await bao.must("POST", `transit/keys/${name}`, body);
    const key = await keyOf(rootAuth(), {}, name);
    await expect(key.probe(signal)).rejects.toMatchObject({
      reason: "KEY_DISABLED",
      message: expect.stringContaining(words) as string,
    });
    await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({ reason: "KEY_DISABLED" });
  });

  test("versions are listed, made, and switched off from the oldest up", async () => {
    await bao.must("POST", "transit/keys/versions", {});
    const key = await keyOf(rootAuth(), {}, "versions");
    const blob = await key.wrap(material, binding, signal);
    expect(await key.rotate!(signal)).toBe("2");
    expect(await key.rotate!(signal)).toBe("3");
    const states = async () => (await key.versions!(signal)).map(({ version, state }) => `${version} ${state}`);
    expect(await states()).toEqual(["1 enabled", "2 enabled", "3 primary"]);
    expect(await key.unwrap(blob.wrapped, 1, binding, signal)).toMatchObject({ version: "1", rewrapDue: true });
    await expect(key.setVersionState!("2", "disabled", signal)).rejects.toMatchObject({
      reason: "REQUEST_INVALID",
      message: expect.stringContaining("version 1 first") as string,
    });
    await key.setVersionState!("1", "disabled", signal);
    expect(await states()).toEqual(["1 disabled", "2 enabled", "3 primary"]);
    await expect(key.unwrap(blob.wrapped, 1, binding, signal)).rejects.toMatchObject({
      reason: "KEY_DISABLED",
      message: expect.stringContaining("min_decryption_version") as string,
    });
    await expect(key.setVersionState!("3", "disabled", signal)).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
    await expect(key.setVersionState!("2", "primary", signal)).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
    await expect(key.setVersionState!("9", "enabled", signal)).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
    await key.setVersionState!("1", "enabled", signal);
    expect((await key.unwrap(blob.wrapped, 1, binding, signal)).material.equals(material)).toBe(true);
  });

  test("a key that was deleted and made anew is noticed", async () => {
    await bao.must("POST", "transit/keys/anew", {});
    const key = await keyOf(rootAuth(), {}, "anew");
    const blob = await key.wrap(material, binding, signal);
    const createdAt = (await key.versions!(signal))[0]!.createdAt!.getTime();
    await bao.must("POST", "transit/keys/anew/config", { deletion_allowed: true });
    // Creation times are told in seconds.
    while (Date.now() < createdAt + 1_000) await new Promise((resolve) => setTimeout(resolve, 20));
    await bao.must("DELETE", "transit/keys/anew");
    await bao.must("POST", "transit/keys/anew", {});
    await expect(key.unwrap(blob.wrapped, 1, binding, signal)).rejects.toMatchObject({ reason: "ENVELOPE_REFUSED" });
    await expect(key.probe(signal)).rejects.toMatchObject({
      reason: "KEY_DISABLED",
      message: expect.stringContaining("another made under its name") as string,
    });
  });

  test("a soft-deleted key is told as such, and works again once it is restored", async () => {
    await bao.must("POST", "transit/keys/soft", {});
    const key = await keyOf(rootAuth(), {}, "soft");
    const blob = await key.wrap(material, binding, signal);
    await bao.must("DELETE", "transit/keys/soft/soft-delete");
    const calls = [
      () => key.probe(signal),
      () => key.wrap(material, binding, signal),
      () => key.unwrap(blob.wrapped, 1, binding, signal),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    await bao.must("POST", "transit/keys/soft/soft-delete-restore");
    await roundTrip(key);
  });

  test("a rate limit is told as one, with a hint", async () => {
    const key = await keyOf(rootAuth());
    await roundTrip(key);
    await bao.must("POST", "sys/quotas/rate-limit/tight", { rate: 0.01, path: "transit/" });
    try {
      await key.wrap(material, binding, signal).catch(() => undefined);
      await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({
        reason: "PROVIDER_UNAVAILABLE",
        retryAfterMs: 1_000,
        message: expect.stringContaining("limits our rate") as string,
      });
    } finally {
      await bao.must("DELETE", "sys/quotas/rate-limit/tight");
    }
    await roundTrip(key);
  });

  test("a sealed server is told as such, and serves again once it is unsealed", async () => {
    const key = await keyOf(rootAuth());
    await roundTrip(key);
    await bao.seal();
    await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringContaining("sealed") as string,
    });
    await bao.unseal();
    await roundTrip(key);
  });

  test("a restarted server is talked to at once, over a new connection", async () => {
    const key = await keyOf(rootAuth(), { address: bao.address });
    await roundTrip(key);
    await bao.restart();
    await roundTrip(key);
  });

  test("doctor finds nothing wrong with the README's policy, and names what is wrong with a root token", async () => {
    const { roleId, secretId } = await appRole();
    const findings = async (auth: unknown, key = "kb") => {
      const found: Finding[] = [];
      for await (const one of (await providerOf(auth)).examine!([{ key }], signal)) found.push(one);
      return found;
    };
    const good = await findings({ appRole: { roleId, secretId } });
    expect(good.map(({ check, outcome }) => `${outcome} ${check}`)).toEqual([
      "good server",
      "good clock",
      "good credentials",
      "good permission for transit/encrypt/kb",
      "good permission for transit/decrypt/kb",
      "good permission for transit/keys/kb",
      "good key transit/keys/kb",
    ]);
    const root = await findings(rootAuth(), "nothing");
    expect(root.filter(({ outcome }) => outcome === "bad").map(({ check }) => check)).toEqual([
      "credentials",
      "permission for transit/encrypt/nothing",
      "permission for transit/decrypt/nothing",
      "permission for transit/keys/nothing",
      "key transit/keys/nothing",
    ]);
    expect(root.every(({ outcome, fix }) => outcome !== "bad" || fix !== undefined)).toBe(true);
    await bao.seal();
    expect(await findings(rootAuth())).toMatchObject([
      { check: "server", outcome: "bad", fix: "bao operator unseal" },
      { check: "clock" },
    ]);
    await bao.unseal();
  });
});
