// The audit of the built daemon: read, verified and broken through its files, as operators and attackers would.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type * as Library from "../../src/client/index.ts";
import { available } from "../backends/available.ts";
import { daemonFolder, program, startDaemon, type Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import { python } from "../backends/python.ts";
import { until } from "../backends/until.ts";
import { streamReceiver } from "../unit/audit/receivers.ts";

type Client = ReturnType<typeof Library.createClient>;

interface Report {
  readonly ok: boolean;
  readonly logs: readonly { log: string; from: number; to: number; checked: number; torn: number }[];
  readonly problems: readonly { readonly what: string }[];
}

let ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

const interpreter = available(python);
const verifierScript = join(import.meta.dirname, "../vectors/audit_verifier.py");

function folderOf(): string {
  const folder = daemonFolder();
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function configuration(more: string, socket = "kb.sock"): string {
  return `version: 1
realm: prod
providers: { local: { kind: env, keys: { one: "\${MASTER}" } } }
keys: { a/b: { wrapTo: [{ provider: local }], context: { required: false } } }
listeners: { sock: { unix: ${socket}, identity: backup } }
policy: [{ who: backup, may: [wrap, unwrap, generate], keys: a/b }]
audit: { ${more} }
`;
}

const env = { MASTER: randomBytes(32).toString("base64url") };

async function start(folder: string, more: string, socket = "kb.sock"): Promise<Daemon> {
  const daemon = await startDaemon({ folder, configuration: configuration(more, socket), env, socket });
  ends.push(() => daemon.kill());
  return daemon;
}

async function clientOf({ address }: Daemon): Promise<Client> {
  const { createClient } = (await import(join(program, "../client/index.js"))) as typeof Library;
  const client = createClient({ address, maxAttempts: 1 });
  ends.push(() => client.close());
  return client;
}

const wrap = (client: Client) =>
  client.wrap({ key: "a/b", plaintext: Buffer.alloc(32, 1), context: {} }, { timeoutMs: 5_000 });
/** The reason that a wrap fails for; undefined when it does not. */
const failure = (client: Client): Promise<string | undefined> =>
  wrap(client).then(
    () => undefined,
    (error: unknown) => (error as { reason?: string }).reason ?? String(error),
  );
const refused = (client: Client) =>
  until("a refusal", async () => ((await failure(client)) === "AUDIT_UNAVAILABLE" ? true : undefined));
const resumed = (client: Client) =>
  until("calls are answered again", async () => ((await failure(client)) === undefined ? true : undefined));

async function verify(folder: string, ...args: string[]): Promise<Report & { status: number | null }> {
  const key = join(folder, "checkpoint-key.pem.pub");
  const { status, stdout, stderr } = await keybroker(
    ["audit", "verify", "--json", "--public-key", key, ...args, folder],
    {
      env: { PATH: process.env["PATH"] },
    },
  );
  expect(stderr).toBe("");
  return { status, ...(JSON.parse(stdout.toString()) as Report) };
}

/** What the verifier in Python says. */
function verifyByPython(folder: string): Report {
  const key = join(folder, "checkpoint-key.pem.pub");
  const { stdout, stderr } = spawnSync(interpreter!, ["-I", "-S", verifierScript, key, folder], { encoding: "utf8" });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Report;
}

const byLog = ({ logs }: Report) => [...logs].sort((a, b) => (a.log < b.log ? -1 : 1));
const parts = (folder: string) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".jsonl"))
    .sort()
    .map((file) => join(folder, file));

describe("killed at any moment", () => {
  test("every log holds, and the next says what was torn", { timeout: 180_000 }, async () => {
    const folder = folderOf();
    const audit = join(folder, "audit");
    let answered = 0;
    const kills = 15;
    for (let round = 0; round < kills; round++) {
      const daemon = await start(folder, "checkpointEvery: 1s, rotateAt: 1MiB");
      const client = await clientOf(daemon);
      let inRound = 0;
      const lane = async () => {
        for (;;) {
          await wrap(client);
          inRound += 1;
        }
      };
      const loading = Promise.allSettled(Array.from({ length: 16 }, lane));
      const wanted = 1 + round * 40;
      await until(`${wanted} answers`, () => (inRound >= wanted ? true : undefined));
      await daemon.kill();
      client.close();
      await loading;
      answered += inRound;
    }
    const killed = new Set(parts(audit).map(logIn));
    const last = await start(folder, "checkpointEvery: 1s");
    await last.stop();
    const report = await verify(audit);
    expect(report.problems).toEqual([]);
    expect(killed.size).toBe(kills);
    expect(report.logs).toHaveLength(kills + 1);
    expect(report.logs.reduce((sum, { to }) => sum + to, 0)).toBeGreaterThanOrEqual(answered);
    const heads = parts(audit).flatMap((part) => {
      const { details } = JSON.parse(readFileSync(part, "utf8").split("\n")[0]!) as { details: { heads?: string[] } };
      return details.heads ?? [];
    });
    for (const { log, to, torn } of report.logs.filter((one) => killed.has(one.log))) {
      expect(
        heads.some((head) => head.startsWith(`${log} ${to} `) && head.endsWith(` ${torn}`)),
        `${log} has ${to} records and ${torn} torn bytes: ${heads.filter((head) => head.startsWith(log)).join("; ")}`,
      ).toBe(true);
    }
    if (interpreter !== undefined) expect(byLog(verifyByPython(audit))).toEqual(byLog(report));
  });
});

function logIn(part: string): string {
  const { log } = JSON.parse(readFileSync(part, "utf8").split("\n")[0]!) as { log: string };
  return log;
}

describe("a disk that takes no more", () => {
  /** Both make the disk full, and not. */
  const isRoot = process.getuid?.() === 0;

  test.skipIf(!isRoot)("refuses calls while it is full, and takes them again by itself", async () => {
    const folder = folderOf();
    const audit = join(folder, "audit");
    mkdirSync(audit, { mode: 0o700 });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", audit]);
    ends.push(() => execFileSync("umount", ["-l", audit]));
    const daemon = await start(folder, "reserve: 0B, checkpointEvery: 1s");
    const client = await clientOf(daemon);
    await wrap(client);
    spawnSync("dd", ["if=/dev/zero", `of=${join(audit, "ballast")}`, "bs=4096"]);
    await refused(client);
    expect(await failure(client)).toBe("AUDIT_UNAVAILABLE");
    rmSync(join(audit, "ballast"));
    await resumed(client);
    await daemon.stop();
    expect(await verify(audit)).toMatchObject({ status: 0, ok: true });
    if (interpreter !== undefined) expect(verifyByPython(audit)).toMatchObject({ ok: true, problems: [] });
    const records = parts(audit).flatMap((part) => readFileSync(part, "utf8").split("\n").filter(Boolean));
    expect(records.some((line) => line.includes('"event":"repaired"')) || records.length > 3).toBe(true);
  });

  test("by the process's own limit too, and cuts the half line off", async () => {
    const folder = folderOf();
    const audit = join(folder, "audit");
    const daemon = await start(folder, "reserve: 0B, checkpointEvery: 1h");
    const client = await clientOf(daemon);
    await wrap(client);
    const pid = String(daemon.pid);
    const limit = (bytes: string) => execFileSync("prlimit", ["--pid", pid, `--fsize=${bytes}:`]);
    // The next record does not fit whole: some of it is written.
    limit(String(statSync(parts(audit)[0]!).size + 100));
    await refused(client);
    limit("unlimited");
    await resumed(client);
    await daemon.stop();
    expect(await verify(audit)).toMatchObject({ status: 0, ok: true });
    expect(readFileSync(parts(audit)[0]!, "utf8")).toMatch(/"event":"repaired","details":\{"part":1,"bytes":100\}/);
  });
});

describe("a file that is not where it was", () => {
  test("removed or replaced, it has a successor, and the verifier misses it", async () => {
    const folder = folderOf();
    const audit = join(folder, "audit");
    const daemon = await start(folder, "checkpointEvery: 1s");
    const client = await clientOf(daemon);
    await wrap(client);
    const [first] = parts(audit);
    renameSync(first!, `${first!}.moved`);
    await until("a successor", async () => {
      await wrap(client);
      return parts(audit).length === 1 ? true : undefined;
    });
    const [second] = parts(audit);
    expect(second).not.toBe(first);
    renameSync(second!, `${second!}.moved`);
    writeFileSync(second!, "another's");
    await until("a successor again", async () => {
      await wrap(client);
      return parts(audit).length === 2 ? true : undefined;
    });
    expect(readFileSync(second!, "utf8")).toBe("another's");
    await daemon.stop();
    expect(await verify(audit)).toMatchObject({ status: 1, ok: false });
    // Put back, all of it holds.
    renameSync(`${first!}.moved`, first!);
    renameSync(`${second!}.moved`, second!);
    expect(await verify(audit)).toMatchObject({ status: 0, ok: true });
  });

  test("with its folder gone and something in the way, calls are refused until it is not", async () => {
    const folder = folderOf();
    const audit = join(folder, "audit");
    const daemon = await start(folder, "checkpointEvery: 1h");
    const client = await clientOf(daemon);
    await wrap(client);
    renameSync(audit, `${audit}.moved`);
    writeFileSync(audit, "in the way");
    await refused(client);
    rmSync(audit);
    await resumed(client);
  });
});

const noteIn = (line: string) => (JSON.parse(line) as { note: string }).note;

describe("two daemons over one folder", () => {
  test("keep a log each, which hold together, and one of them feeds the sinks", async () => {
    const receiver = await streamReceiver();
    ends.push(() => receiver.stop());
    const [one, other] = [folderOf(), folderOf()];
    const audit = join(one, "shared");
    const more = `folder: ${audit}, checkpointEvery: 1s, sinks: { syslog: { address: "tcp:127.0.0.1:${receiver.port}" } }`;
    const daemons = [await start(one, more), await start(other, more)];
    const clients = await Promise.all(daemons.map(clientOf));
    await Promise.all(clients.flatMap((client) => Array.from({ length: 200 }, () => wrap(client))));
    const lines = () => parts(audit).flatMap((part) => readFileSync(part, "utf8").split("\n").filter(Boolean));
    await until("the receiver has all records", () => {
      const got = receiver.messages.filter(({ event }) => event !== "checkpoint").map(({ line }) => line);
      return JSON.stringify(got.sort()) === JSON.stringify(lines().sort()) ? true : undefined;
    });
    const notes = () => receiver.messages.filter(({ event }) => event === "checkpoint").map(({ line }) => noteIn(line));
    await until("it has a checkpoint over each log's calls", () => {
      const covered = notes().filter((note) => Number(note.split("\n")[1]) >= 200);
      return new Set(covered.map((note) => note.split("\n")[0])).size === 2 ? true : undefined;
    });
    for (const daemon of daemons) expect(await daemon.stop()).toEqual({ status: 0, signal: null });
    const report = await verify(audit);
    expect(report).toMatchObject({ status: 0, ok: true });
    expect(report.logs).toHaveLength(2);
    if (interpreter !== undefined) expect(byLog(verifyByPython(audit))).toEqual(byLog(report));
    // A checkpoint that the receiver has kept finds a log that was rolled back with its own checkpoints.
    const kept = join(one, "kept");
    writeFileSync(
      kept,
      notes()
        .map((note) => `${note}\n`)
        .join(""),
    );
    expect(await verify(audit, "--checkpoint", kept)).toMatchObject({ ok: true });
    const [part] = parts(audit);
    writeFileSync(part!, `${readFileSync(part!, "utf8").split("\n").slice(0, 50).join("\n")}\n`);
    rmSync(part!.replace(/\.\d{6}\.jsonl$/, ".checkpoints"));
    const { ok, problems } = await verify(audit, "--checkpoint", kept);
    expect(ok).toBe(false);
    expect(problems.map(({ what }) => what).join()).toMatch(/cut off or rolled back|two heads/);
    if (interpreter !== undefined) expect(verifyByPython(audit).ok).toBe(false);
  });
});

describe("on the command line", () => {
  test("search finds, tail follows, and verify names the record that was changed", async () => {
    const folder = folderOf();
    const audit = join(folder, "audit");
    const daemon = await start(folder, "checkpointEvery: 1h");
    const client = await clientOf(daemon);
    const tail = spawn(process.execPath, [program, "audit", "tail", "--operation", "wrap", audit], {
      env: { PATH: process.env["PATH"] },
    });
    ends.push(() => tail.kill("SIGKILL"));
    let said = "";
    tail.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await until("tail says what is written", async () => {
      await wrap(client);
      return said.includes("\n") ? true : undefined;
    });
    expect(JSON.parse(said.split("\n")[0]!)).toMatchObject({ operation: "wrap", identity: "backup", outcome: "done" });
    await client.unwrap({ envelope: Buffer.from("no envelope"), context: {} }).catch(() => undefined);
    tail.kill("SIGTERM");
    await daemon.stop();
    const run = (...args: string[]) => keybroker(["audit", ...args], { env: { PATH: process.env["PATH"] } });
    const found = await run("search", "--outcome", "ENVELOPE_REFUSED", "--identity", "backup", audit);
    expect(found.status).toBe(0);
    expect(found.stdout.toString().trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(found.stdout.toString())).toMatchObject({ operation: "unwrap" });
    const [part] = parts(audit);
    const text = readFileSync(part!, "utf8");
    writeFileSync(part!, text.replace('"outcome":"ENVELOPE_REFUSED"', '"outcome":"done"'));
    const at = text.split("\n").findIndex((line) => line.includes("ENVELOPE_REFUSED"));
    const key = join(audit, "checkpoint-key.pem.pub");
    const { status, stdout } = await run("verify", "--public-key", key, audit);
    expect(status).toBe(1);
    expect(stdout.toString()).toMatch(new RegExp(`record ${at}: `));
    if (interpreter !== undefined) expect(verifyByPython(audit).ok).toBe(false);
  });
});
