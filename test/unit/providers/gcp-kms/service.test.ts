// Calls on their way: deadlines, connections that break, credentials, and what the library must not do by itself.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { inspect } from "node:util";
import type { Finding } from "../../../../src/provider/index.ts";
import gcpKms from "../../../../providers/gcp-kms/index.ts";
import { exhausted } from "../../../fakes/gcp-kms/refusal.ts";
import { startTokenExchange } from "../../../fakes/gcp-kms/token-services.ts";
import { binding, never, startBench, wrapped } from "./bench.ts";
import type { Bench } from "./bench.ts";

let bench: Bench;
beforeAll(async () => (bench = await startBench()));
afterAll(() => bench.stop());
afterEach(() => vi.unstubAllEnvs());

const unavailable = { reason: "PROVIDER_UNAVAILABLE" };
const refuse = (code: number) => ({ kind: "refuse", refusal: () => Object.assign(new Error("x"), { code }) }) as const;

describe("a call", () => {
  test("that hangs ends with its signal, whose reason is thrown", async () => {
    const { key } = await bench.key();
    await wrapped(key);
    const told = bench.fake.tell({ kind: "hang" });
    const controller = new AbortController();
    const call = key.wrap(Buffer.alloc(64, 1), binding, controller.signal);
    await vi.waitUntil(() => told.hits() === 1);
    const reason = new Error("the deadline");
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    told.end();
    await wrapped(key);
  });

  test("that is aborted closes the connection under no other call: a list goes on to its last page", async () => {
    const { stored, key } = await bench.key();
    for (let n = 2; n <= 11; n++) bench.fake.store.addVersion(stored);
    await wrapped(key);
    const hanging = bench.fake.tell({ kind: "hang" }, { methods: ["encrypt"] });
    const controller = new AbortController();
    const aborted = key.wrap(Buffer.alloc(64, 1), binding, controller.signal);
    const reason = new Error("the deadline");
    const refused = expect(aborted).rejects.toBe(reason);
    await vi.waitUntil(() => hanging.hits() === 1);
    const spoil = (answer: unknown) => (controller.abort(reason), answer);
    const listing = bench.fake.tell({ kind: "spoil", spoil }, { methods: ["listCryptoKeyVersions"] });
    expect(await key.versions!(never())).toHaveLength(11);
    await refused;
    hanging.end();
    listing.end();
    await wrapped(key);
  });

  test("through pages that is aborted asks for no further page, and leaves no failure behind", async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => void unhandled.push(error);
    process.on("unhandledRejection", listener);
    const { stored, key } = await bench.key();
    for (let n = 2; n <= 11; n++) bench.fake.store.addVersion(stored);
    const controller = new AbortController();
    const reason = new Error("the deadline");
    const spoil = (answer: unknown) => (controller.abort(reason), answer);
    const listing = bench.fake.tell({ kind: "spoil", spoil }, { methods: ["listCryptoKeyVersions"] });
    await expect(key.versions!(controller.signal)).rejects.toBe(reason);
    // Calls on a new connection end after whatever the old one still did.
    for (let n = 0; n < 5; n++) await wrapped(key);
    listing.end();
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
    expect(listing.hits()).toBe(1);
  });

  test("whose connection is reset fails, and the next one succeeds", async () => {
    const { key } = await bench.key();
    await wrapped(key);
    const told = bench.fake.tell({ kind: "reset" }, { times: 1 });
    await expect(wrapped(key)).rejects.toMatchObject(unavailable);
    expect(told.hits()).toBe(1);
    await wrapped(key);
  });

  test.each([14, 4, 13, 8])("that fails with status %i is made once: the broker retries", async (code) => {
    const { key } = await bench.key();
    const blob = await wrapped(key);
    const told = bench.fake.tell(refuse(code), {
      methods: ["encrypt", "decrypt", "getCryptoKey", "testIamPermissions"],
    });
    await expect(wrapped(key)).rejects.toMatchObject(unavailable);
    await expect(key.unwrap(blob.wrapped, blob.scheme, binding, never())).rejects.toMatchObject(unavailable);
    await expect(key.probe(never())).rejects.toMatchObject(unavailable);
    expect(told.hits()).toBe(3);
    told.end();
  });

  test("over the quota names the delay that Cloud KMS asks for", async () => {
    const { key } = await bench.key();
    const told = bench.fake.tell({ kind: "refuse", refusal: () => exhausted(2_500) });
    await expect(wrapped(key)).rejects.toMatchObject({ ...unavailable, retryAfterMs: 2_500 });
    told.end();
  });

  test("succeeds at once when a server is back that was not there", async () => {
    const { stored } = await bench.key();
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    const provider = await bench.open({ endpoint: `127.0.0.1:${port}` });
    for (let n = 0; n < 5; n++) await expect(bench.masterKey(stored.name, provider)).rejects.toMatchObject(unavailable);
    const { startFakeGcpKms } = await import("../../../fakes/gcp-kms/server.ts");
    const late = await startFakeGcpKms({ port });
    const account = late.account("late@keybroker-test.iam.gserviceaccount.com");
    const credentials = `file:${account.write(join(bench.folder, "late.json"))}`;
    late.store.create(stored.name);
    const other = await bench.open({ endpoint: `127.0.0.1:${port}`, credentials });
    await wrapped(await bench.masterKey(stored.name, other));
    // The one that failed before reaches the server too: it does not know this account, and says so.
    await expect(bench.masterKey(stored.name, provider)).rejects.toThrow("credentials");
    late.stop();
  });

  test("after close fails, and closing twice is as good as once", async () => {
    const provider = await bench.open({});
    const { stored } = await bench.key();
    const key = await bench.masterKey(stored.name, provider);
    await provider.close();
    await provider.close();
    await expect(wrapped(key)).rejects.toThrow("closed");
    await expect(bench.masterKey(stored.name, provider)).rejects.toMatchObject(unavailable);
  });
});

describe("credentials", () => {
  test("that are refused are told as an outage, and taken again once they are good", async () => {
    const { key } = await bench.key();
    const restore = bench.account.revoke();
    await expect(wrapped(key)).rejects.toThrow("clock");
    restore();
    await wrapped(key);
  });

  test("of a clock that is an hour off are refused, and heal with it", async () => {
    const { key } = await bench.key();
    bench.fake.setClock(-3_600_000);
    await expect(wrapped(key)).rejects.toMatchObject(unavailable);
    bench.fake.setClock(0);
    await wrapped(key);
  });

  test.each([
    ["no JSON", "canary{", "this is no JSON object"],
    ["a list", '["canary"]', "expected the JSON"],
    ["a user's own", '{"type":"authorized_user","refresh_token":"canary"}', "expected the JSON"],
    ["a key without its key", '{"type":"service_account","client_email":"canary"}', "private_key"],
    [
      "a federation that runs a program",
      '{"type":"external_account","credential_source":{"executable":{"command":"canary"}}}',
      "runs a program",
    ],
    ["an incomplete federation", '{"type":"external_account","canary":1}', "not complete"],
  ])("%s are refused without being repeated", async (_, text, words) => {
    const path = join(bench.folder, "bad.json");
    writeFileSync(path, text, { mode: 0o600 });
    const { stored } = await bench.key();
    const provider = await bench.open({ credentials: `file:${path}` });
    const error: unknown = await bench.masterKey(stored.name, provider).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: "REQUEST_INVALID" });
    expect((error as Error).message).toContain(words);
    expect((error as Error).message).toContain(path);
    expect(inspect(error)).not.toContain("canary");
  });

  test("with a key that is no key fail the call alone, and name no part of it", async () => {
    const path = join(bench.folder, "no-key.json");
    const json = { type: "service_account", client_email: "a@b.example", private_key: "-----BEGIN canary" };
    writeFileSync(path, JSON.stringify(json), { mode: 0o600 });
    const { stored } = await bench.key();
    const provider = await bench.open({ credentials: `file:${path}` });
    const error: unknown = await bench.masterKey(stored.name, provider).catch((caught: unknown) => caught);
    expect(error).toMatchObject(unavailable);
    expect(inspect(error)).not.toContain("canary");
  });

  test("that the machine does not have fail the call alone", async () => {
    vi.stubEnv("METADATA_SERVER_DETECTION", "none");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
    vi.stubEnv("HOME", bench.folder);
    const { stored } = await bench.key();
    const provider = await bench.open({ credentials: undefined });
    const masterKey = bench.masterKey(stored.name, provider);
    await expect(masterKey).rejects.toThrow("application default credentials");
    await expect(masterKey).rejects.toMatchObject(unavailable);
  });

  test("of the machine are found by the library", async () => {
    const { stored } = await bench.key();
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", join(bench.folder, "credentials.json"));
    vi.stubEnv("GOOGLE_CLOUD_PROJECT", "keybroker-test");
    const provider = await bench.open({ credentials: undefined });
    await wrapped(await bench.masterKey(stored.name, provider));
  });
});

describe("workload identity federation", () => {
  const subjectToken = "canary-of-the-pod";

  async function federated(told = subjectToken) {
    const exchange = await startTokenExchange(bench.account, () => subjectToken);
    const tokenFile = join(bench.folder, "pod-token");
    writeFileSync(tokenFile, told, { mode: 0o600 });
    const path = join(bench.folder, "federation.json");
    const json = {
      type: "external_account",
      audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/k8s",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `http://127.0.0.1:${exchange.port}/v1/token`,
      credential_source: { file: tokenFile },
    };
    writeFileSync(path, JSON.stringify(json), { mode: 0o600 });
    return { exchange, tokenFile, provider: await bench.open({ credentials: `file:${path}` }) };
  }

  test("exchanges the pod's token once, and keeps what it got", async () => {
    const { exchange, provider } = await federated();
    const { stored } = await bench.key();
    const key = await bench.masterKey(stored.name, provider);
    await wrapped(key);
    await wrapped(key);
    exchange.stop();
    expect(exchange.tokens).toHaveLength(1);
  });

  test("that is refused is an outage, names no token, and heals with the pod's next one", async () => {
    const { exchange, tokenFile, provider } = await federated("canary-of-yesterday");
    const { stored } = await bench.key();
    const error: unknown = await bench.masterKey(stored.name, provider).catch((caught: unknown) => caught);
    expect(error).toMatchObject(unavailable);
    expect(inspect(error)).not.toContain("canary");
    writeFileSync(tokenFile, subjectToken, { mode: 0o600 });
    await wrapped(await bench.masterKey(stored.name, provider));
    exchange.stop();
  });

  test("takes another token when the one it has is refused", async () => {
    const { exchange, provider } = await federated();
    const { stored } = await bench.key();
    const key = await bench.masterKey(stored.name, provider);
    bench.fake.setClock(2 * 3_600_000);
    await expect(key.probe(never())).rejects.toMatchObject(unavailable);
    bench.fake.setClock(0);
    await key.probe(never());
    exchange.stop();
    expect(exchange.tokens).toHaveLength(2);
  });
});

test("a proxy of the environment never sees what goes without TLS", async () => {
  let seen = 0;
  const proxy = createServer().on("connection", () => seen++);
  proxy.on("connect", (_, socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  for (const name of ["grpc_proxy", "https_proxy", "http_proxy"]) vi.stubEnv(name, address);
  const { stored } = await bench.key();
  await wrapped(await bench.masterKey(stored.name, await bench.open({})));
  proxy.close();
  expect(seen).toBe(0);
});

describe("doctor", () => {
  async function findings(settings: object, names: readonly string[]) {
    const provider = await bench.open({ ...settings });
    const references = names.map((key) => gcpKms.reference.parse({ key }));
    const found: Finding[] = [];
    for await (const finding of provider.examine!(references, never())) found.push(finding);
    return found.map(({ check, outcome }) => `${outcome} ${check.replace(/projects\/\S*\//, "")}`);
  }

  test("finds everything good", async () => {
    const { stored } = await bench.key();
    expect(await findings({}, [stored.name])).toEqual([
      "good credentials",
      "good clock",
      expect.stringMatching(/^good key key-/),
      expect.stringMatching(/^good permission to wrap/),
      expect.stringMatching(/^good permission to unwrap/),
      expect.stringMatching(/^note managing versions/),
    ]);
  });

  test("finds a clock that is off, a disabled version and a missing permission", async () => {
    const { stored } = await bench.key();
    stored.primary!.state = "DISABLED";
    bench.fake.setClock(200_000);
    const denial = bench.account.deny("cloudkms.cryptoKeyVersions.useToDecrypt");
    const found = await findings({}, [stored.name]);
    denial();
    bench.fake.setClock(0);
    expect(found.filter((line) => line.startsWith("bad"))).toEqual([
      "bad clock",
      expect.stringMatching(/^bad key/),
      expect.stringMatching(/^bad permission to unwrap/),
    ]);
  });

  test("finds that nobody is there, key by key", async () => {
    const found = await findings({ endpoint: "127.0.0.1:1" }, ["projects/p/locations/l/keyRings/r/cryptoKeys/k"]);
    expect(found).toEqual(["good credentials", "note clock", "bad key k", "note permissions on k"]);
  });

  test("finds credentials that are none", async () => {
    const path = join(bench.folder, "none.json");
    writeFileSync(path, "{}", { mode: 0o600 });
    expect(await findings({ credentials: `file:${path}` }, [])).toEqual(["bad credentials"]);
  });
});
