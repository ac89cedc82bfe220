// Several recipients, end to end: a backend that is gone does not stop a restore, and a quorum opens without one of it.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import type { Client } from "../../src/client/index.ts";
import { daemonFolder, startDaemon } from "../backends/daemon.ts";
import type { Daemon } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";
import type { FaultBench, FaultSubject } from "../faults/subject.ts";
import { subject as remote } from "../faults/remote/subject.ts";
import { loadSubjects } from "../faults/subjects.ts";

const { here, missing } = await loadSubjects();
/** Backends that can be lost; env's is the daemon itself. */
const losable = here.filter(({ kind }) => kind !== "env");
/** Three of them, of different kinds where there are so many. */
const three = [...losable, remote, remote].slice(0, 3);

const plaintext = Buffer.from("0123456789abcdef0123456789abcdef");
const context = { host: "db1.example" };
const leftFolders = new Set<string>();
let benches: FaultBench[];
let folder: string;
let daemon: Daemon;
let client: Client;

/** A key with these of its fields, whose recipients are called p0, p1 … */
function configuration(key: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    version: 1,
    realm: "recipients",
    providers: Object.fromEntries(benches.map(({ provider }, index) => [`p${index}`, provider])),
    keys: {
      db: {
        wrapTo: benches.map(({ reference }, index) => ({ provider: `p${index}`, ...reference })),
        unwrapCache: "none",
        ...key,
      },
    },
    listeners: { main: { unix: "keybroker.sock", identity: "backup" } },
    policy: [{ who: "backup", may: ["wrap", "unwrap", "check"], keys: "*" }],
    limits: { providerTimeout: "3s", callTimeout: "12s" },
  });
}

/** Ends a backend for good. The files that the daemon's configuration names are the daemon's, and stay. */
async function lose(bench: FaultBench): Promise<void> {
  const words = [...JSON.stringify(bench.provider).matchAll(/"(?:file:)?(\/[^"]+)"/g)].map(([, path]) => path!);
  const ofTests = words.filter((path) => path.startsWith(join(tmpdir(), "/")));
  const files = ofTests.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  const kept = files.map((path) => [path, readFileSync(path)] as const);
  await bench.stop();
  for (const [path, bytes] of kept) {
    if (existsSync(path)) continue;
    const made = mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes, { mode: 0o600 });
    if (made !== undefined) leftFolders.add(made);
  }
}

async function serve(text: string): Promise<void> {
  const env = Object.assign({}, ...benches.map(({ environment }) => environment)) as Record<string, string>;
  daemon = await startDaemon({ folder, configuration: text, socket: "keybroker.sock", env });
  client = createClient({ address: daemon.address, maxAttempts: 1 });
}

async function start(subjects: readonly FaultSubject[], key: Readonly<Record<string, unknown>>): Promise<void> {
  for (const subject of subjects) benches.push(await subject.start());
  await serve(configuration(key));
}

async function restart(text?: string): Promise<void> {
  client.close();
  await daemon.stop();
  await serve(text ?? configuration({}));
}

const wrap = async () => (await client.wrap({ key: "db", plaintext, context })).envelope;
const opens = async (envelope: Uint8Array) =>
  plaintext.equals((await client.unwrap({ envelope, key: "db", context })).plaintext);

beforeEach(() => {
  benches = [];
  folder = daemonFolder();
});
afterEach(async () => {
  client.close();
  await daemon.stop();
  for (const bench of benches) await bench.stop();
  for (const left of [folder, ...leftFolders]) rmSync(left, { recursive: true, force: true });
});

test.skip.each(missing)("%s: its backend is missing here", () => undefined);

const pairs = losable.map((subject, index) => [subject.kind, subject, losable[index + 1] ?? remote] as const);

describe.each(pairs)("with %s lost", (_, lost, other) => {
  test("a restore goes on through the next recipient, also in a daemon that starts without it", async () => {
    await start([lost, other], {});
    const envelope = await wrap();
    const deep = await client.check({ envelope, context, deep: true });
    expect(deep.recipients.map(({ matches }) => matches)).toEqual([true, true]);
    await lose(benches[0]!);
    expect(await opens(envelope)).toBe(true);
    await restart();
    expect(await opens(envelope)).toBe(true);
  });

  test("wrapping goes on where one recipient is enough, and not where both are needed", async () => {
    const key = { branchKey: { maxWraps: 1, grace: "0s" } };
    await start([lost, other], { ...key, wrapNeeds: 1 });
    await lose(benches[0]!);
    const envelope = await wrap();
    expect(await opens(envelope)).toBe(true);
    await restart(configuration(key));
    await expect(wrap()).rejects.toMatchObject({ exit: 5 });
    expect(await opens(envelope)).toBe(true);
  });
});

test("a quorum of 2 of 3 opens without any one of it, and not with one alone", async () => {
  await start(three, { unwrapNeeds: 2 });
  const envelope = await wrap();
  expect(await opens(envelope)).toBe(true);
  await lose(benches[0]!);
  expect(await opens(envelope)).toBe(true);
  await lose(benches[1]!);
  await expect(opens(envelope)).rejects.toMatchObject({ exit: 5 });
});

test("an envelope that one recipient opens is refused where the key asks for two", async () => {
  await start(three, {});
  const single = await wrap();
  writeFileSync(join(folder, "keybroker.yaml"), configuration({ unwrapNeeds: 2 }), { mode: 0o600 });
  daemon.signal("SIGHUP");
  await until("the reload", () => (daemon.stderr().includes('"event":"configuration-loaded"') ? true : undefined));
  await expect(opens(single)).rejects.toMatchObject({ reason: "ENVELOPE_REFUSED" });
});
