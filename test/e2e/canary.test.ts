// Master keys, branch keys and data keys are nowhere that they need not be: no argument, environment, log, error,
// metric, audit line, heap snapshot or core.

import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Library from "../../src/client/index.ts";
import { available, onPath } from "../backends/available.ts";
import { findCanaries, type Canary } from "../backends/canary.ts";
import { daemonFolder, program, startDaemon, type Daemon } from "../backends/daemon.ts";
import { freePort } from "../backends/free-port.ts";
import { gcore } from "../backends/gcore.ts";
import { keybroker, run } from "../backends/keybroker.ts";
import { configuration, masterKeyFile } from "../backends/master-keys.ts";
import { allArguments, allEnvironments, hasProc, readIfThere } from "../backends/proc.ts";
import { startChild } from "../backends/process.ts";
import { branchSecrets } from "../backends/unwrap-env.ts";
import { until } from "../backends/until.ts";

const folder = daemonFolder();
const at = (name: string) => join(folder, name);
const context = { host: "db1.example" };
const contextFlags = ["--key", "backups/files", "--context", "host=db1.example"];
const byVariable = randomBytes(32);
const byFile = masterKeyFile(folder, "key-2");
const canaries: Canary[] = [
  { name: "the master key of a variable", bytes: byVariable },
  { name: "the master key of a file", bytes: byFile.bytes },
];
const errors: string[] = [];
let daemon: Daemon;
let client: ReturnType<typeof Library.createClient>;
let metricsUrl: string;

/** What the daemon's folder holds beside the master key's file and the envelopes that the test writes. */
const own = new Set(["key-2", "data.kb", "state", "snapshots.mjs"]);

/** Takes a heap snapshot on SIGUSR2: in the daemon, since flags that do so are refused, and debuggers with them. */
const snapshots = `import { renameSync } from "node:fs";
import { writeHeapSnapshot } from "node:v8";
process.on("SIGUSR2", () => {
  writeHeapSnapshot("taking.heapsnapshot", { exposeInternals: true, exposeNumericValues: true });
  renameSync("taking.heapsnapshot", "taken.heapsnapshot");
});
`;

async function failing(call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => expect.fail("the call was done"),
    (reason: unknown) => reason,
  );
  errors.push(error instanceof Error ? `${error.message}\n${error.stack}\n${JSON.stringify(error)}` : String(error));
}

/** Every operation, done and refused; every secret that took part is remembered. */
async function useEverything(): Promise<void> {
  const key = "backups/files";
  const plaintext = randomBytes(32);
  const { envelope } = await client.wrap({ key, plaintext: Buffer.from(plaintext), context });
  const made = await client.generateDataKey({ key, context });
  canaries.push({ name: "a wrapped data key", bytes: plaintext });
  canaries.push({ name: "a generated data key", bytes: Buffer.from(made.plaintext) });
  expect(Buffer.from((await client.unwrap({ envelope, context })).plaintext)).toEqual(plaintext);
  const renewed = await client.rewrap({ envelope });
  expect(await client.check({ envelope: renewed.envelope, context, deep: true })).toMatchObject({ matches: true });
  const secrets = branchSecrets(envelope, byVariable);
  canaries.push({ name: "a branch key", bytes: secrets.branchKey });
  canaries.push({ name: "a key derived from the master key", bytes: secrets.wrappingKey });

  const flipped = Buffer.from(envelope);
  flipped[flipped.length - 1]! ^= 1;
  await failing(client.unwrap({ envelope: flipped, context }));
  await failing(client.unwrap({ envelope, context: { host: "db2.example" } }));
  await failing(client.unwrap({ envelope: plaintext, context }));
  await failing(client.wrap({ key: "unknown", plaintext: Buffer.from(plaintext), context }));
  await failing(client.wrap({ key, plaintext: Buffer.from(plaintext), context: { "NO GOOD": "x" } }));
}

beforeAll(async () => {
  const port = await freePort();
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
  const keys = { "1": "${CANARY_MASTER_KEY}", "2": `file:${byFile.path}` };
  const extra = `metrics: { listen: "127.0.0.1:${port}" }\nlog: { level: debug }\naudit: { folder: audit, contextValues: [host] }\n`;
  writeFileSync(at("snapshots.mjs"), snapshots);
  const core = onPath("prlimit") ? ["prlimit", "--core=unlimited"] : [];
  daemon = await startDaemon({
    folder,
    configuration: configuration(keys, "1", { extra }),
    socket: "keybroker.sock",
    env: { CANARY_MASTER_KEY: byVariable.toString("base64"), NODE_ENV: "test" },
    // As on a machine that keeps cores.
    command: [...core, process.execPath, "--import", at("snapshots.mjs"), program],
  });
  const { createClient } = (await import(join(program, "../client/index.js"))) as typeof Library;
  client = createClient({ address: daemon.address });
  await useEverything();
  // A reload reads its secrets again.
  writeFileSync(at("keybroker.yaml"), configuration(keys, "2", { extra }));
  daemon.signal("SIGHUP");
  await until("the reload", async () => {
    const { envelope } = await client.wrap({ key: "backups/files", plaintext: randomBytes(16), context });
    const { version } = await client.check({ envelope, context });
    return version === "2" ? true : undefined;
  });
});

afterAll(async () => {
  client?.close();
  await daemon?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("not in the log, on standard output, or in what a caller is told", async () => {
  const metrics = await (await fetch(metricsUrl)).text();
  expect(metrics).toMatch(/keybroker_/);
  expect(errors).toHaveLength(5);
  const places = { log: daemon.stderr(), output: daemon.stdout(), errors: errors.join("\n"), metrics };
  expect(places.log.split("\n").length).toBeGreaterThan(3);
  expect(find(Object.entries(places).map(([name, text]) => [name, Buffer.from(text)]))).toEqual([]);
});

test("not in the audit or any other file of the daemon", () => {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !own.has(entry.name));
  const places = files.map((entry): [string, Buffer] => [entry.name, readFileSync(join(entry.parentPath, entry.name))]);
  const audit = places.find(([name]) => name.endsWith(".jsonl"));
  expect(audit?.[1].toString()).toMatch(/unwrap/);
  expect(find(places)).toEqual([]);
});

test.skipIf(!hasProc)("not in the arguments or environment of any process, also while commands run", async () => {
  const environ = readIfThere(`/proc/${daemon.pid}/environ`);
  expect(environ.toString()).toContain("NODE_ENV=test");
  const seen: Buffer[] = [environ];
  const input = canaries.find(({ name }) => name === "a wrapped data key")!.bytes;
  const commands = (async () => {
    const wrapped = await keybroker(["wrap", ...contextFlags], { env: daemon.env, input });
    expect(wrapped.status, wrapped.stderr).toBe(0);
    writeFileSync(at("data.kb"), wrapped.stdout);
    const got = await keybroker(["get", at("data.kb"), ...contextFlags], { env: daemon.env });
    expect(got.stdout.toString().trim()).toBe(input.toString("base64url"));
    return true;
  })();
  let done = false;
  void commands.finally(() => (done = true)).catch(() => undefined);
  while (!done) {
    seen.push(allArguments(), allEnvironments());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await commands;
  expect(find([["arguments and environments", Buffer.concat(seen)]])).toEqual([]);
});

describe("a heap snapshot", () => {
  test("of the daemon, after use, holds none of its keys", async () => {
    daemon.signal("SIGUSR2");
    await until("the snapshot", () => (existsSync(at("taken.heapsnapshot")) ? true : undefined), 60_000);
    const snapshot = readFileSync(at("taken.heapsnapshot"));
    rmSync(at("taken.heapsnapshot"));
    // It is one: names of what was called are in it.
    expect(snapshot.includes("backups/files")).toBe(true);
    expect(find([["heap snapshot", snapshot]])).toEqual([]);
  });

  test("of a program that keeps a key as text would: the scan can fail", async () => {
    const script = `globalThis.kept = process.argv[1]; require("v8").writeHeapSnapshot(process.argv[2])`;
    const args = ["-e", script, byVariable.toString("base64"), at("program.heapsnapshot")];
    const { status, stderr } = await run([process.execPath, ...args], { env: { PATH: process.env["PATH"] } });
    expect(status, stderr).toBe(0);
    expect(find([["heap snapshot", readFileSync(at("program.heapsnapshot"))]])).not.toEqual([]);
    rmSync(at("program.heapsnapshot"));
  });
});

describe.skipIf(!hasProc || !available(gcore))("a core", () => {
  const core = async (pid: number, name: string): Promise<Buffer> => {
    const { status, stderr } = await run(["gcore", "-o", at(name), `${pid}`], { env: { PATH: process.env["PATH"] } });
    expect(status, stderr).toBe(0);
    const bytes = readFileSync(at(`${name}.${pid}`));
    rmSync(at(`${name}.${pid}`));
    return bytes;
  };

  test("of the daemon holds none of its keys", async () => {
    expect(find([["core", await core(daemon.pid, "core-of-daemon")]])).toEqual([]);
  });

  test("of a program that does not protect itself would: the scan can fail", async () => {
    const script = 'kept="$1"; echo ready; while :; do sleep 1; done';
    const child = startChild(["sh", "-c", script, "sh", byVariable.toString("hex")], {
      env: { PATH: process.env["PATH"] },
    });
    await until("the program", () => (child.stdout().includes("ready") ? true : undefined));
    expect(find([["core", await core(child.pid, "core-of-program")]])).not.toEqual([]);
    child.signal("SIGKILL");
    await child.exited;
  });

  test("is not written when the daemon crashes, though the machine keeps cores; and nor is a report", async () => {
    const limits = readIfThere(`/proc/${daemon.pid}/limits`).toString();
    expect(limits).toMatch(/^Max core file size\s+0\s+0\s/m);
    expect(readIfThere(`/proc/${daemon.pid}/coredump_filter`).toString().trim()).toMatch(/^0+$/);
    client.close();
    daemon.signal("SIGSEGV");
    expect((await daemon.exited).signal).toBe("SIGSEGV");
    expect(readdirSync(folder).filter((name) => /^(core|report|Heap|.*\.heap)/.test(name))).toEqual([]);
    expect(find([["log", Buffer.from(daemon.stderr())]])).toEqual([]);
  });
});

function find(places: readonly [string, Buffer][]): string[] {
  expect(canaries.length).toBe(6);
  return findCanaries(canaries, new Map(places));
}
