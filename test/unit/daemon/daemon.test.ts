import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startDaemon } from "../../../src/daemon/index.ts";
import type { Daemon } from "../../../src/daemon/index.ts";
import { createClient } from "../../../src/client/index.ts";
import type { Client } from "../../../src/client/index.ts";
import { createLog } from "../../../src/telemetry/index.ts";
import { testFolder, until } from "../server/setting.ts";
import { parts } from "../audit/verified.ts";

let place: ReturnType<typeof testFolder>;
let daemon: Daemon | undefined;
const clients: Client[] = [];
let lines: string[];
const file = (name: string) => join(place.folder, name);
const state = () => file("state");

beforeEach(() => {
  place = testFolder();
  lines = [];
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await daemon?.drain();
  daemon = undefined;
  place.remove();
});

async function start(configFile?: string): Promise<Daemon> {
  const log = createLog({ level: "debug", text: false, stream: { write: (line) => void lines.push(line) } });
  daemon = await startDaemon({ stateDir: state(), log, ...(configFile && { configFile }) });
  return daemon;
}

function client(socket: string): Client {
  const made = createClient({ address: `unix:${socket}` });
  clients.push(made);
  return made;
}

const events = () => lines.map((line) => (JSON.parse(line) as { event: string }).event);
const audit = (folder = join(state(), "audit")) =>
  parts(folder)
    .flatMap((part) => readFileSync(part, "utf8").trim().split("\n"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function configuration(more: object = {}, socket = "kb.sock", changes: object = {}): object {
  return {
    version: 1,
    realm: "test",
    providers: { local: { kind: "env", keys: { "1": `file:${file("key")}` } } },
    keys: { db: { wrapTo: [{ provider: "local" }], context: { required: false } } },
    listeners: { main: { unix: file(socket), identity: "backup", ...changes } },
    policy: [{ who: "backup", may: ["wrap", "unwrap"], keys: "*" }],
    audit: { folder: file("audit") },
    ...more,
  };
}

function write(content: object | string): string {
  if (!existsSync(file("key"))) writeFileSync(file("key"), hash("sha256", "unit", "base64"), { mode: 0o600 });
  const text = typeof content === "string" ? content : JSON.stringify(content, undefined, 2);
  writeFileSync(file("kb.yaml"), text, { mode: 0o600 });
  return file("kb.yaml");
}

const plaintext = Buffer.from("0123456789abcdef0123456789abcdef");

describe("the embedded default", () => {
  test("wraps and unwraps with the key `default`, and leaves nothing but its state", async () => {
    await start();
    expect(daemon!.tryIt).toHaveLength(5);
    const socket = join(state(), "keybroker.sock");
    expect([...daemon!.addresses()]).toEqual([["local", `unix:${socket}`]]);
    const caller = client(socket);
    const { envelope } = await caller.wrap({ key: "default", plaintext });
    expect(Buffer.from((await caller.unwrap({ envelope })).plaintext)).toEqual(plaintext);
    caller.close();
    await daemon!.drain();
    expect(readdirSync(state()).sort()).toEqual(["audit", "master-key"]);
    // The branch key was made, and audited by nobody, in the self-check.
    expect(audit().map(({ event }) => event)).toEqual(["log-opened", "start", "result", "result", "stop"]);
  });

  test("opens, after a restart, what it sealed before", async () => {
    await start();
    const { envelope } = await client(join(state(), "keybroker.sock")).wrap({ key: "default", plaintext });
    await daemon!.drain();
    await start();
    const answer = await client(join(state(), "keybroker.sock")).unwrap({ envelope });
    expect(Buffer.from(answer.plaintext)).toEqual(plaintext);
  });

  test("started twice says whose the socket is, and does not disturb the first", async () => {
    await start();
    const first = daemon;
    await expect(start()).rejects.toThrow(`in use by process ${process.pid}`);
    daemon = first;
    await client(join(state(), "keybroker.sock")).wrap({ key: "default", plaintext });
    expect(audit().filter(({ event }) => event === "start")).toHaveLength(1);
  });
});

describe("a configuration that cannot be", () => {
  test("is refused with its problems, and nothing is left open", async () => {
    await expect(start(write({ ...configuration(), realm: "UPPER" }))).rejects.toMatchObject({
      name: "ConfigurationError",
    });
    expect(existsSync(file("kb.sock"))).toBe(false);
  });

  test("a port in use closes what was open", async () => {
    await start(write(configuration({ metrics: { listen: "127.0.0.1:0" } })));
    const taken = daemon!.monitoringAddress()!;
    const first = daemon;
    const other = { ...configuration({ metrics: { listen: taken } }, "other.sock") };
    await expect(start(write(other))).rejects.toThrow("EADDRINUSE");
    daemon = first;
    expect(existsSync(file("other.sock"))).toBe(false);
  });
});

describe("a reload", () => {
  test("puts the new configuration in force, and its digest and rules into the audit", async () => {
    await start(write(configuration()));
    const caller = client(file("kb.sock"));
    const { envelope } = await caller.wrap({ key: "db", plaintext });
    write(configuration({ policy: [{ who: "backup", may: ["wrap"], keys: "*" }] }));
    expect(await daemon!.reload()).toBe(true);
    await expect(caller.unwrap({ envelope })).rejects.toMatchObject({ reason: "DENIED" });
    expect(audit(file("audit")).find(({ event }) => event === "configuration")).toMatchObject({
      details: {
        digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        rulesAdded: ["backup may wrap: *"],
        rulesRemoved: ["backup may wrap, unwrap: *"],
      },
    });
    expect(events()).toContain("configuration-loaded");
  });

  test.each([
    ["cannot be parsed", "realm: [", "configuration-problem"],
    ["is not right", { version: 2 }, "configuration-problem"],
  ])("of what %s leaves the last good one in force, and says so", async (_what, wrong, event) => {
    await start(write(configuration()));
    write(wrong);
    expect(await daemon!.reload()).toBe(false);
    expect(daemon!.facts().reloadError).toBeDefined();
    expect(events()).toEqual(expect.arrayContaining([event, "reload-failed"]));
    await client(file("kb.sock")).wrap({ key: "db", plaintext });
    write(configuration());
    expect(await daemon!.reload()).toBe(true);
    expect(daemon!.facts().reloadError).toBeUndefined();
  });

  test("whose listener cannot be bound changes nothing", async () => {
    await start(write(configuration()));
    mkdirSync(file("folder.sock"));
    const listeners = {
      main: { unix: file("kb.sock"), identity: "backup" },
      more: { unix: file("folder.sock"), identity: "backup" },
    };
    write(configuration({ listeners, policy: [{ who: "backup", may: "unwrap", keys: "*" }] }));
    expect(await daemon!.reload()).toBe(false);
    await client(file("kb.sock")).wrap({ key: "db", plaintext });
  });

  test("moves listener, monitoring and audit", async () => {
    await start(write(configuration({ metrics: { listen: "127.0.0.1:0" } })));
    const before = daemon!.monitoringAddress()!;
    write(configuration({ audit: { folder: file("audit2") } }, "new.sock"));
    expect(await daemon!.reload()).toBe(true);
    expect(daemon!.monitoringAddress()).toBeUndefined();
    await expect(fetch(`http://${before}/livez`)).rejects.toThrow();
    await client(file("new.sock")).wrap({ key: "db", plaintext });
    expect(existsSync(file("kb.sock"))).toBe(false);
    const [, first, ...rest] = audit(file("audit2")).map(({ event }) => event);
    expect(first).toBe("configuration");
    expect(rest).toContain("result");
  });

  test("keeps branch keys: no new provider call for an unchanged key", async () => {
    await start(write(configuration()));
    const caller = client(file("kb.sock"));
    const { envelope } = await caller.wrap({ key: "db", plaintext });
    write(configuration({ log: { level: "debug" } }));
    await daemon!.reload();
    await caller.unwrap({ envelope });
    const unwraps = audit(file("audit")).filter(({ operation }) => operation === "unwrap");
    expect(unwraps.map(({ event }) => event)).toEqual(["result"]);
  });

  test("asked for many times at once settles, with the last file in force", async () => {
    await start(write(configuration()));
    const first = daemon!.reload();
    write(configuration({ realm: "second" }));
    const results = await Promise.all([first, daemon!.reload(), daemon!.reload(), daemon!.reload()]);
    expect(results).toEqual([true, true, true, true]);
    const { envelope } = await client(file("kb.sock")).wrap({ key: "db", plaintext });
    expect(Buffer.from(envelope).includes("second")).toBe(true);
  });

  test("under load loses no call", async () => {
    await start(write(configuration()));
    const caller = client(file("kb.sock"));
    let going = true;
    let calls = 0;
    const load = async () => {
      while (going) {
        await caller.wrap({ key: "db", plaintext });
        calls++;
      }
    };
    const loads = [load(), load(), load()];
    for (let round = 0; round < 5; round++) {
      write(configuration({ realm: `realm-${round}`, limits: { maxStreamsPerConnection: 100 + round } }));
      expect(await daemon!.reload()).toBe(true);
      const reached = calls + 5;
      await until(() => calls >= reached, "calls after the reload");
    }
    going = false;
    await Promise.all(loads);
    expect(calls).toBeGreaterThan(20);
  });
});

describe("monitoring", () => {
  test("shows what happened", async () => {
    await start(write(configuration({ metrics: { listen: "127.0.0.1:0" } })));
    await client(file("kb.sock")).wrap({ key: "db", plaintext });
    await daemon!.reload();
    const get = async (path: string) => (await fetch(`http://${daemon!.monitoringAddress()}${path}`)).text();
    await vi.waitFor(async () => {
      expect(JSON.parse(await get("/readyz"))).toMatchObject({
        ready: true,
        providers: [{ name: "local", reachable: true, canWrap: true, canUnwrap: true }],
      });
    });
    const metrics = await get("/metrics");
    expect(metrics).toContain('keybroker_provider_can_wrap{provider="local"} 1');
    expect(metrics).toContain('keybroker_provider_can_unwrap{provider="local"} 1');
    expect(metrics).toContain('keybroker_key_recipients_missing{key="db"} 0');
    expect(metrics).toContain('keybroker_call_seconds_count{listener="main",operation="wrap",outcome="done"} 1');
    expect(metrics).toContain('keybroker_reloads_total{outcome="done"} 1');
    expect(metrics).toMatch(/keybroker_connections\{listener="main"\} 1/);
    expect(metrics).toContain(
      'keybroker_provider_call_seconds_count{provider="local",operation="wrap",outcome="done"}',
    );
  });
});
