import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import type { Client } from "../../src/client/index.ts";
import { daemonFolder, program, spawnDaemon, startDaemon } from "../backends/daemon.ts";
import type { Daemon, DaemonOptions } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";
import { daemonFlags } from "../../src/daemon/relaunch.ts";

const plaintext = Buffer.from("0123456789abcdef0123456789abcdef");
const masterKey = createHash("sha256").update("end to end").digest("base64");
let folder: string;
let daemon: Daemon | undefined;
const clients: Client[] = [];
const state = (name = "") => join(folder, "state", name);

beforeEach(() => {
  folder = daemonFolder();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await daemon?.kill();
  daemon = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: DaemonOptions = {}): Promise<Daemon> {
  daemon = await startDaemon({ folder, ...options });
  const running = daemon;
  await until("readiness", () => Promise.resolve(running.stderr().includes('"event":"ready"') || undefined));
  return running;
}

function client(address: string): Client {
  const made = createClient({ address });
  clients.push(made);
  return made;
}

const proc = (pid: number, name: string) => readFileSync(`/proc/${pid}/${name}`, "latin1");

describe("npm start's daemon", () => {
  test("serves `default`, warns of its development key, and prints five lines to paste", async () => {
    const running = await start();
    const { address } = running;
    const { envelope } = await client(address).wrap({ key: "default", plaintext });
    expect(Buffer.from((await client(address).unwrap({ envelope })).plaintext)).toEqual(plaintext);
    expect(running.stderr()).toMatch(/"event":"development-key".*master-key holds the master key/);
    expect(running.stdout().trim().split("\n")).toHaveLength(5);
    expect(running.stdout()).toContain(`KEYBROKER_ADDRESS=${address}`);
    expect(statSync(state()).mode & 0o777).toBe(0o700);
    expect(statSync(state("master-key")).mode & 0o777).toBe(0o600);
  });

  test("started again names the process that owns the socket, and exits 1", async () => {
    const { pid, address } = await start();
    const second = spawnDaemon({ folder });
    expect(await second.exited).toEqual({ status: 1, signal: null });
    expect(second.stderr()).toBe(
      `keybroker: ${state("keybroker.sock")} is in use by process ${pid}: stop it first, or choose another path\n`,
    );
    await client(address).wrap({ key: "default", plaintext });
  });

  test.each(["SIGINT", "SIGTERM"] as const)("drains on %s, and leaves nothing but its state", async (signal) => {
    const running = await start();
    await client(running.address).wrap({ key: "default", plaintext });
    running.signal(signal);
    expect(await running.exited).toEqual({ status: 0, signal: null });
    expect(readdirSync(folder)).toEqual(["state"]);
    expect(readdirSync(state()).sort()).toEqual(["audit", "master-key"]);
  });

  test("replaces the socket that a killed one left", async () => {
    const { envelope } = await client((await start()).address).wrap({ key: "default", plaintext });
    await daemon!.kill();
    expect(existsSync(state("keybroker.sock"))).toBe(true);
    const { address } = await start();
    expect(Buffer.from((await client(address).unwrap({ envelope })).plaintext)).toEqual(plaintext);
  });
});

describe.runIf(process.platform === "linux")("its process", () => {
  test("has the pid it was started with, the daemon's flags, no core, and no input", async () => {
    const { pid } = await start();
    expect(proc(pid, "cmdline").split("\0")).toEqual(expect.arrayContaining([...daemonFlags, "serve"]));
    expect(proc(pid, "coredump_filter").trim()).toBe("00000000");
    expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe("/dev/null");
  });

  test("has the master key neither in its environment nor in its command line, and no file of it", async () => {
    const running = await start({ env: { KEYBROKER_MASTER_KEY: masterKey } });
    const { pid, address } = running;
    const { envelope } = await client(address).wrap({ key: "default", plaintext });
    expect(Buffer.from((await client(address).unwrap({ envelope })).plaintext)).toEqual(plaintext);
    for (const seen of [proc(pid, "environ"), proc(pid, "cmdline"), running.stderr(), running.stdout()]) {
      expect(seen).not.toContain(masterKey);
    }
    expect(proc(pid, "environ")).not.toContain("KEYBROKER_MASTER_KEY");
    expect(running.stderr()).not.toContain("development");
    expect(readdirSync(state()).sort()).toEqual(["audit", "keybroker.sock", "keybroker.sock.pid"]);
    expect(readdirSync("/dev/shm").filter((name) => name.startsWith(".keybroker"))).toEqual([]);
  });

  test("has it not either when the daemon's flags were given by hand", async () => {
    const command = [process.execPath, ...daemonFlags, program];
    const { pid, address } = await start({ command, env: { KEYBROKER_MASTER_KEY: masterKey } });
    await client(address).wrap({ key: "default", plaintext });
    expect(proc(pid, "environ")).not.toContain(masterKey);
  });

  test("takes a configuration's variables out of its environment too, secrets and texts", async () => {
    const configuration = `
version: 1
realm: test
providers: { local: { kind: env, keys: { "1": "\${THE_KEY}" } } }
keys: { db: { wrapTo: [{ provider: local }], context: { required: false } } }
listeners: { main: { unix: ${join(folder, "kb.sock")}, identity: backup } }
policy: [{ who: backup, may: wrap, keys: "*" }]
audit: { folder: "\${THE_FOLDER}", checkpointEvery: 1h }
`;
    const env = { THE_KEY: masterKey, THE_FOLDER: join(folder, "by-variable"), UNTOUCHED: "stays" };
    const { pid, address } = await start({ configuration, socket: "kb.sock", env });
    await client(address).wrap({ key: "db", plaintext });
    expect(readdirSync(join(folder, "by-variable"))).toEqual([
      expect.stringMatching(/^\d{8}T\d{6}Z-[0-9a-f]{32}\.000001\.jsonl$/),
      // Made at start, over the first record.
      expect.stringMatching(/\.checkpoints$/),
      "checkpoint-key.pem",
      "checkpoint-key.pem.pub",
      "reserve",
    ]);
    expect(proc(pid, "environ")).not.toContain("THE_KEY");
    expect(proc(pid, "environ")).toContain("UNTOUCHED=stays");
  });

  test("is not opened to an inspector by SIGUSR1", async () => {
    const running = await start();
    running.signal("SIGUSR1");
    await client(running.address).wrap({ key: "default", plaintext });
    expect(running.stderr()).not.toContain("Debugger listening");
  });
});

describe("a start that is refused", () => {
  test.each([
    ["--inspect in NODE_OPTIONS", { NODE_OPTIONS: "--inspect=127.0.0.1:0" }, /--inspect/],
    ["reports in NODE_OPTIONS", { NODE_OPTIONS: "--report-on-signal" }, /--report-on-signal/],
  ])("by %s", async (_what, env, message) => {
    const child = spawnDaemon({ folder, env });
    expect((await child.exited).status).toBe(2);
    expect(child.stderr()).toMatch(message);
    expect(existsSync(state())).toBe(false);
  });

  test("by a configuration's problems, each on a line of its own", async () => {
    const child = spawnDaemon({ folder, configuration: "version: 1\nrealm: UPPER\nkees: {}\n" });
    expect((await child.exited).status).toBe(2);
    const lines = child.stderr().trim().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const line of lines) expect(line).toMatch(/keybroker\.yaml:\d+:\d+: /);
  });

  test("by a master key that is none, without repeating it", async () => {
    const child = spawnDaemon({ folder, env: { KEYBROKER_MASTER_KEY: "c4n4ry-changeme" } });
    expect((await child.exited).status).not.toBe(0);
    expect(child.stderr()).toContain("KEYBROKER_MASTER_KEY");
    expect(child.stderr() + child.stdout()).not.toContain("c4n4ry");
  });
});
