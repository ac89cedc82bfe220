// The vault provider over a made-up server: what node-vault would do by itself, lies, logins, and abort.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createClient } from "../../../../providers/vault/client.ts";
import vault from "../../../../providers/vault/index.ts";
import { createTransport } from "../../../../providers/vault/transport.ts";
import { bindingOf, provideVariable } from "../../../../src/provider/index.ts";
import type { Finding, MasterKey, Notice, Provider } from "../../../../src/provider/index.ts";
import { startFront } from "../../../fakes/vault/front.ts";
import type { Front, Seen } from "../../../fakes/vault/front.ts";
import { createFakeVault } from "../../../fakes/vault/transit.ts";
import type { FakeVault } from "../../../fakes/vault/transit.ts";

const signal = new AbortController().signal;
const material = Buffer.alloc(64, 7);
const token = "s.aTokenThatIsLongEnough0123456789";
const folder = mkdtempSync(join(tmpdir(), "vault-unit-"));
const binding = bindingOf({
  suite: 1,
  realm: "prod",
  key: "backups/db",
  branchId: Buffer.alloc(16, 5),
  share: 1,
  threshold: 1,
  recipients: 1,
});

let server: FakeVault;
let front: Front;
let elsewhere: Front;
const open: Provider[] = [];
const notices: Notice[] = [];

beforeAll(async () => {
  provideVariable("VAULT_UNIT_TOKEN", Buffer.from(token));
  front = await startFront((seen) => server.upstream(seen));
  elsewhere = await startFront((seen) => server.upstream(seen));
});
beforeEach(() => {
  server = createFakeVault();
  server.addKey("kb");
  server.tokens.set(token, { ttl: 0 });
});
afterEach(async () => {
  front.play(undefined);
  for (const provider of open.splice(0)) await provider.close();
  notices.splice(0);
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await front.close();
  await elsewhere.close();
  rmSync(folder, { recursive: true });
});

async function providerOf(auth: unknown = { token: "${VAULT_UNIT_TOKEN}" }): Promise<Provider> {
  const settings = vault.settings.parse({ address: `http://127.0.0.1:${front.port}`, auth });
  const provider = await vault.open(settings as never, (notice) => notices.push(notice));
  open.push(provider);
  return provider;
}

async function keyOf(auth?: unknown, reference: object = { key: "kb" }): Promise<MasterKey> {
  return await (await providerOf(auth)).masterKey(reference, signal);
}

async function roundTrip(key: MasterKey): Promise<void> {
  const { wrapped, scheme } = await key.wrap(material, binding, signal);
  expect((await key.unwrap(wrapped, scheme, binding, signal)).material.equals(material)).toBe(true);
}

const is = (operation: string) => (seen: Seen) => seen.path.includes(`/${operation}/`);
const countOf = (operation: string, start = 0) => front.seen.slice(start).filter(is(operation)).length;
const all = () => true;

interface Debug {
  enable(names: string): void;
  disable(): void;
}

describe("what node-vault would do by itself", () => {
  test("a redirect is told as one, and the token does not follow it", async () => {
    const key = await keyOf();
    await roundTrip(key);
    const location = `http://127.0.0.1:${elsewhere.port}/v1/transit/decrypt/kb`;
    for (const status of [301, 302, 303, 307, 308]) {
      front.play({ kind: "answer", reply: () => ({ status, headers: { location } }) });
      await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({
        reason: "PROVIDER_UNAVAILABLE",
        message: expect.stringContaining("redirects") as string,
      });
    }
    expect(elsewhere.seen).toEqual([]);
  });

  test("no VAULT_* variable changes the server, token, namespace or path", async () => {
    for (const [name, value] of Object.entries({
      VAULT_ADDR: `http://127.0.0.1:${elsewhere.port}`,
      VAULT_TOKEN: "s.another",
      VAULT_NAMESPACE: "another",
      VAULT_PREFIX: "/another",
      VAULT_SKIP_VERIFY: "false",
    }))
      vi.stubEnv(name, value);
    const start = front.seen.length;
    await roundTrip(await keyOf());
    expect(elsewhere.seen).toEqual([]);
    for (const { path, headers } of front.seen.slice(start)) {
      expect(path).toMatch(/^\/v1\/(transit|auth\/token)\//);
      expect(headers["x-vault-token"]).toBe(token);
      expect(headers["x-vault-namespace"]).toBeUndefined();
      expect(headers["x-vault-request"]).toBe("true");
    }
  });

  test("DEBUG shows no plaintext and no token", async () => {
    const written: string[] = [];
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => written.push(String(chunk)) > 0);
    const debug = createRequire(import.meta.resolve("node-vault"))("debug") as Debug;
    debug.enable("*");
    try {
      await roundTrip(await keyOf());
    } finally {
      debug.disable();
      spy.mockRestore();
    }
    for (const secret of [token, material.toString("base64")]) expect(written.join("")).not.toContain(secret);
  });

  test("a name that climbs is not sent, even if it got past the settings", async () => {
    const address = `http://127.0.0.1:${front.port}`;
    const transport = createTransport(address, () => Promise.reject(new Error("no TLS here")) as never);
    const client = createClient(address, undefined, transport);
    const start = front.seen.length;
    for (const path of [
      "transit/keys/../../sys/raw",
      "transit/keys/a b",
      "transit//../keys/kb",
      "transit/%2e%2e/sys/raw",
    ])
      await expect(client.send({ method: "GET", path, signal }), path).rejects.toMatchObject({
        reason: "REQUEST_INVALID",
      });
    expect(front.seen.length).toBe(start);
    client.close();
  });

  test("connections are kept", async () => {
    const key = await keyOf();
    const start = front.seen.length;
    for (let call = 0; call < 5; call++) await roundTrip(key);
    expect(new Set(front.seen.slice(start).map(({ connection }) => connection)).size).toBe(1);
  });

  test("a kept connection that the server has closed is not a failure", async () => {
    const key = await keyOf();
    await roundTrip(key);
    front.drop();
    await roundTrip(key);
  });
});

describe("a server that lies or breaks", () => {
  test("one that ignores associated data wraps nothing", async () => {
    server.ignoresAssociatedData = true;
    const key = await keyOf();
    await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({
      reason: "KEY_DISABLED",
      message: expect.stringContaining("ignores associated_data") as string,
    });
  });

  test("the proof of associated data is made once", async () => {
    const key = await keyOf();
    const start = front.seen.length;
    for (let call = 0; call < 4; call++) await key.wrap(material, binding, signal);
    expect([countOf("keys", start), countOf("encrypt", start), countOf("decrypt", start)]).toEqual([1, 4, 1]);
  });

  test.each([
    ["is cut", (body: string) => body.slice(0, body.length >> 1)],
    ["is empty", () => ""],
    ["is no JSON", (body: string) => "<".repeat(body.length)],
    ["has no plaintext", (body: string) => body.replace("plaintext", "plaintexx")],
    ["has sloppy base64", (body: string) => body.replace(/"plaintext":"./, '"plaintext":"*')],
  ])("an answer that %s may be asked for again", async (_, spoil) => {
    const key = await keyOf();
    const { wrapped } = await key.wrap(material, binding, signal);
    front.play({ kind: "spoil", spoil }, is("decrypt"));
    await expect(key.unwrap(wrapped, 1, binding, signal)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
    front.play(undefined);
    expect((await key.unwrap(wrapped, 1, binding, signal)).material.equals(material)).toBe(true);
  });

  test("an answer without end is given up", async () => {
    const key = await keyOf();
    await roundTrip(key);
    front.play({ kind: "answer", reply: () => ({ status: 200, body: "x".repeat(300_000) }) });
    await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringContaining("longer") as string,
    });
  });

  test.each(["vault:v0:AAAA", "vault:v1:AAB=", "nonsense", 7, null])(
    "a ciphertext of %j is not taken",
    async (ciphertext) => {
      const key = await keyOf();
      front.play({ kind: "answer", reply: () => ({ status: 200, body: { data: { ciphertext } } }) }, is("encrypt"));
      await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
    },
  );

  test("a connection that is reset may be tried again", async () => {
    const key = await keyOf();
    await roundTrip(key);
    front.play({ kind: "reset" });
    await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
  });

  test("a server that does not answer is left at the abort, with its reason", async () => {
    const key = await keyOf();
    const { wrapped } = await key.wrap(material, binding, signal);
    for (const operation of ["decrypt", "encrypt"]) {
      front.play({ kind: "hang" }, is(operation));
      const controller = new AbortController();
      const reason = new Error("the deadline");
      const call =
        operation === "decrypt"
          ? key.unwrap(wrapped, 1, binding, controller.signal)
          : key.wrap(material, binding, controller.signal);
      await vi.waitUntil(() => front.hits() > 0, { interval: 5 });
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
    }
    front.play(undefined);
    await roundTrip(key);
  });

  test("unwrapping needs no permission to read the key, and asks for it seldom", async () => {
    const { wrapped } = await (await keyOf()).wrap(material, binding, signal);
    const key = await keyOf();
    const start = front.seen.length;
    front.play({ kind: "answer", reply: () => ({ status: 403, body: { errors: ["permission denied"] } }) }, is("keys"));
    const unwraps = Array.from({ length: 10 }, () => key.unwrap(wrapped, 1, binding, signal));
    for (const answer of await Promise.all(unwraps)) expect(answer).toMatchObject({ version: "1", rewrapDue: false });
    await key.unwrap(wrapped, 1, binding, signal);
    expect(countOf("keys", start)).toBe(1);
  });

  test("unwrapping waits little for a key that is not read", async () => {
    const { wrapped } = await (await keyOf()).wrap(material, binding, signal);
    const key = await keyOf();
    front.play({ kind: "hang" }, is("keys"));
    expect(await key.unwrap(wrapped, 1, binding, signal)).toMatchObject({ version: "1", rewrapDue: false });
    expect(front.hits()).toBe(1);
  });

  test("a key that is not there is asked for, and never made", async () => {
    const key = await keyOf(undefined, { key: "nothing" });
    await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    expect(server.keys.has("nothing")).toBe(false);
  });

  test("a key made anew under the same name wraps nothing more, and the old one back does", async () => {
    const key = await keyOf();
    await roundTrip(key);
    const old = server.keys.get("kb")!;
    server.addKey("kb");
    await expect(key.probe(signal)).rejects.toMatchObject({
      message: expect.stringContaining("another made under its name") as string,
    });
    server.keys.set("kb", old);
    await key.probe(signal);
    await roundTrip(key);
  });
});

describe("ids", () => {
  test("are the key's path, or what the reference says", async () => {
    expect((await keyOf()).id).toBe("transit/kb");
    expect((await keyOf(undefined, { key: "kb", id: "old/transit/db" })).id).toBe("old/transit/db");
  });

  test("one master key is told once: its type, its bound and its protection", async () => {
    const key = await keyOf();
    expect([key.wrapLimit, key.protection]).toEqual([undefined, undefined]);
    await key.probe(signal);
    expect([key.wrapLimit, key.protection]).toEqual([2 ** 32, { level: "software", authenticated: true }]);
    server.addKey("out", { exportable: true });
    const other = await keyOf(undefined, { key: "out" });
    await other.probe(signal);
    expect(other.protection).toMatchObject({ level: "exportable" });
  });
});

describe("logins", () => {
  const secretIdFile = join(folder, "secret-id");
  const appRole = { appRole: { roleId: "role", secretId: `file:${secretIdFile}` } };
  beforeEach(() => {
    writeFileSync(secretIdFile, "secret-id-1\n", { mode: 0o600 });
    server.secretIds.set("secret-id-1", 1_000);
  });

  test("concurrent calls share one", async () => {
    const key = await keyOf(appRole);
    await Promise.all(Array.from({ length: 20 }, () => roundTrip(key)));
    expect(server.logins).toBe(1);
  });

  test("one caller's abort does not end the others'", async () => {
    const key = await keyOf(appRole);
    front.play({ kind: "hang" }, is("approle"));
    const controller = new AbortController();
    const impatient = key.wrap(material, binding, controller.signal);
    await vi.waitUntil(() => front.hits() > 0, { interval: 5 });
    const patient = roundTrip(key);
    controller.abort(new Error("gone"));
    await expect(impatient).rejects.toThrow("gone");
    front.play(undefined);
    // The login that hung was cut: it may be asked for again.
    await patient.catch(() => roundTrip(key));
    expect(server.logins).toBe(1);
  });

  test("a 403 costs exactly one, for all calls that met it", async () => {
    const key = await keyOf(appRole);
    await roundTrip(key);
    server.tokens.clear();
    await Promise.all(Array.from({ length: 20 }, () => roundTrip(key)));
    expect(server.logins).toBe(2);
  });

  test("a 403 that a new token meets too costs no more, and is told", async () => {
    const key = await keyOf(appRole);
    await roundTrip(key);
    front.play({ kind: "answer", reply: () => ({ status: 403, body: { errors: ["permission denied"] } }) });
    for (let call = 0; call < 5; call++)
      await expect(key.wrap(material, binding, signal)).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    expect(server.logins).toBe(2);
  });

  test("a refused secret id is not asked for again until its file changes", async () => {
    server.secretIds.set("secret-id-1", 1);
    const key = await keyOf(appRole);
    await roundTrip(key);
    server.tokens.clear();
    for (let call = 0; call < 5; call++)
      await expect(roundTrip(key)).rejects.toMatchObject({
        reason: "KEY_DISABLED",
        message: expect.stringContaining("not tried again") as string,
      });
    expect(server.logins).toBe(2);
    expect(notices.map(({ topic }) => topic)).toEqual(["credential-login"]);
    server.secretIds.set("secret-id-number-2", 1);
    writeFileSync(secretIdFile, "secret-id-number-2", { mode: 0o600 });
    await roundTrip(key);
    expect(server.logins).toBe(3);
  });

  test("an outage at a login is no refusal", async () => {
    const key = await keyOf(appRole);
    front.play({ kind: "answer", reply: () => ({ status: 503, body: { errors: ["Vault is sealed"] } }) }, all);
    await expect(roundTrip(key)).rejects.toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringContaining("sealed") as string,
    });
    front.play(undefined);
    await roundTrip(key);
  });

  test("a lookup that is denied is no reason to stop", async () => {
    front.play(
      { kind: "answer", reply: () => ({ status: 403, body: { errors: ["permission denied"] } }) },
      ({ path }) => path.endsWith("lookup-self"),
    );
    await roundTrip(await keyOf(appRole));
  });

  test.each(["", "\n", "two words", 'a"quote', "a\nb"])(
    "a secret id of %j is refused before it is sent",
    async (text) => {
      writeFileSync(secretIdFile, text, { mode: 0o600 });
      await expect(roundTrip(await keyOf(appRole))).rejects.toMatchObject({
        reason: "KEY_DISABLED",
        message: expect.stringContaining(secretIdFile) as string,
      });
      expect(server.logins).toBe(0);
    },
  );

  test("closing gives a token of ours back, and leaves one that was placed", async () => {
    const provider = await providerOf(appRole);
    const key = await provider.masterKey({ key: "kb" }, signal);
    await roundTrip(key);
    expect(server.tokens.size).toBe(2);
    await provider.close();
    await provider.close();
    expect([...server.tokens.keys()]).toEqual([token]);
    await expect(roundTrip(key)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
    const placed = await providerOf();
    await roundTrip(await placed.masterKey({ key: "kb" }, signal));
    await placed.close();
    expect(server.tokens.has(token)).toBe(true);
  });

  test("no error of any login or call holds a secret", async () => {
    server.secretIds.clear();
    const errors: unknown[] = [];
    await roundTrip(await keyOf(appRole)).catch((error: unknown) => errors.push(error));
    front.play({
      kind: "answer",
      reply: ({ body, headers }) => ({ status: 400, body: { errors: [body, JSON.stringify(headers)] } }),
    });
    await roundTrip(await keyOf()).catch((error: unknown) => errors.push(error));
    expect(errors).toHaveLength(2);
    for (const error of errors as Error[]) {
      const words = `${error.stack} ${String(error.cause)}`;
      for (const secret of [token, "secret-id-1", material.toString("base64")]) expect(words).not.toContain(secret);
    }
  });
});

describe("doctor", () => {
  async function findings(): Promise<Finding[]> {
    const found: Finding[] = [];
    for await (const one of (await providerOf()).examine!([{ key: "kb" }], signal)) found.push(one);
    return found;
  }
  const health = (status: number) =>
    front.play(
      { kind: "answer", reply: () => ({ status, headers: { date: new Date().toUTCString() }, body: {} }) },
      ({ path }) => path.endsWith("sys/health"),
    );
  const bad = (found: readonly Finding[]) => found.filter(({ outcome }) => outcome === "bad").map(({ check }) => check);

  test.each([
    [307, "server"],
    [500, "server"],
    [501, "server"],
    [503, "server"],
  ])("health %i ends the look", async (status, check) => {
    health(status);
    const found = await findings();
    expect(bad(found)).toEqual([check]);
    expect(found.find(({ outcome }) => outcome === "bad")?.fix).toBeTruthy();
  });

  test.each([429, 472, 473])("health %i is a standby, which may forward", async (status) => {
    health(status);
    const found = await findings();
    expect(found[0]).toMatchObject({ outcome: "good", detail: expect.stringContaining("standby") as string });
    expect(found.length).toBeGreaterThan(3);
  });

  test.each([
    ["1.12.9", "bad"],
    ["1.9.0", "bad"],
    ["1.13.0+ent", "good"],
    ["1.20.4", "good"],
    ["2.7.2", "good"],
  ])("version %s is %s", async (version, outcome) => {
    const reply = () => ({ status: 200, headers: { date: new Date().toUTCString() }, body: { version } });
    front.play({ kind: "answer", reply }, ({ path }) => path.endsWith("sys/health"));
    expect((await findings())[0]).toMatchObject({ check: "server", outcome });
  });

  test("clocks that are apart are told", async () => {
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    front.play({ kind: "answer", reply: () => ({ status: 200, headers: { date }, body: {} }) }, ({ path }) =>
      path.endsWith("sys/health"),
    );
    expect(bad(await findings())).toContain("clock");
  });

  test("a key that may leave or be deleted is told", async () => {
    server.addKey("kb", { exportable: true, deletion_allowed: true });
    expect(
      (await findings())
        .filter(({ outcome }) => outcome === "bad")
        .map(({ detail }) => detail)
        .join(),
    ).toMatch(/leave.*deleted/);
  });

  describe("says of a key that cannot be read how to have it again", () => {
    const path = "transit/keys/kb";
    const create = `bao write -f ${path} type=`;
    async function fix(): Promise<string> {
      const found = (await findings()).find(({ check }) => check === `key ${path}`);
      expect(found).toMatchObject({ outcome: "bad" });
      return found!.fix!;
    }

    test("gone: from its backup, and made only where it never was", async () => {
      server.keys.delete("kb");
      const words = await fix();
      expect(words).toContain("bao write transit/restore/kb backup=@");
      expect(words.indexOf("restore")).toBeLessThan(words.indexOf("only when it never existed"));
      expect(words.indexOf("only when it never existed")).toBeLessThan(words.indexOf(create));
    });

    test("soft-deleted: brought back", async () => {
      server.addKey("kb", { soft_deleted: true });
      expect(await fix()).toBe(`bao write -f ${path}/soft-delete-restore`);
    });

    test("denied: by the policy's line", async () => {
      front.play({ kind: "answer", reply: () => ({ status: 403, body: { errors: ["permission denied"] } }) }, (seen) =>
        seen.path.endsWith(path),
      );
      expect(await fix()).toBe(`add to the policy: path "${path}" { capabilities = ["read"] }`);
    });

    test.each([
      ["of another type", { type: "rsa-2048" }],
      ["derived", { derived: true }],
    ])("%s: not by making one of its name", async (_, more) => {
      server.addKey("kb");
      if ("type" in more) server.keys.get("kb")!.type = more.type;
      else server.addKey("kb", more);
      expect(await fix()).not.toContain(create);
    });
  });

  test("a server that is not there is a finding, not an error", async () => {
    const settings = vault.settings.parse({ address: "http://127.0.0.1:1", auth: { token: "${VAULT_UNIT_TOKEN}" } });
    const provider = await vault.open(settings as never);
    const found: Finding[] = [];
    for await (const one of provider.examine!([{ key: "kb" }], signal)) found.push(one);
    expect(found).toMatchObject([{ check: "reachability", outcome: "bad" }]);
  });
});
