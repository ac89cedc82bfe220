// Grants as docs/grants.md shows them: its configuration, its commands, and the drill of the break-glass socket.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../backends/available.ts";
import { commandFolder } from "../backends/command-line.ts";
import { daemonFolder, startDaemon, type Daemon } from "../backends/daemon.ts";
import { keybroker, run, type Ran } from "../backends/keybroker.ts";
import { consoleBlocks, fileBlocks } from "../docs/blocks.ts";

const page = readFileSync(join(root, "docs/grants.md"), "utf8");
const [ask, restore, byHand, drill] = consoleBlocks(page);
const dataKey = Buffer.from("0123456789abcdef0123456789abcdef");

let folder: string;
let daemon: Daemon;
let env: Record<string, string>;

/** The page's paths are those of a host; here they are in a folder. */
function here(text: string): string {
  return text
    .replaceAll("/etc/keybroker/", `${folder}/etc/`)
    .replaceAll("/run/keybroker/", `${folder}/run/`)
    .replaceAll("/var/lib/keybroker/", `${folder}/lib/`)
    .replaceAll("uid: 0", `uid: ${process.getuid!()}`);
}

const start = () =>
  startDaemon({ folder, configuration: here(fileBlocks(page).get("keybroker.yaml")!), socket: "run/breakglass.sock" });

/** Runs commands as the page has them, each of which must succeed. */
async function shell(commands: string): Promise<string> {
  const { status, stdout, stderr } = await run(["bash", "-euo", "pipefail", "-c", here(commands)], {
    env,
    cwd: folder,
  });
  expect(status, `${stdout.toString()}${stderr}`).toBe(0);
  return stdout.toString();
}

/** A command, which may fail, at one of the sockets. */
function at(socket: string, ...argv: string[]): Promise<Ran> {
  return keybroker(argv, { env: { ...env, KEYBROKER_ADDRESS: `unix:${folder}/run/${socket}.sock` }, cwd: folder });
}

async function envelope(name: string): Promise<void> {
  const address = `unix:${folder}/run/admin.sock`;
  const argv = ["wrap", "--key", "backups/db", "--context", "host=db1", "--output", name, "--address", address];
  const { status, stderr } = await keybroker(argv, { env, cwd: folder, input: dataKey });
  expect(status, stderr).toBe(0);
}

const unwrap = (socket: string, file: string, ...more: string[]) =>
  at(socket, "unwrap", file, "--key", "backups/db", "--context", "host=db1", ...more);

interface AuditLine {
  readonly event: string;
  readonly operation?: string;
  readonly grant?: string;
  readonly envelope?: string;
  readonly details?: { readonly approvers?: readonly string[]; readonly countedIn?: string };
}

function records(): AuditLine[] {
  const audit = join(folder, "lib/audit");
  const names = readdirSync(audit).filter((name) => /\.jsonl(\.gz)?$/.test(name));
  const texts = names.sort().map((name) => {
    const bytes = readFileSync(join(audit, name));
    return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  });
  return texts.flatMap((text) => text.trim().split("\n")).map((line) => JSON.parse(line) as AuditLine);
}

beforeAll(async () => {
  folder = daemonFolder();
  for (const name of ["etc", "etc/approvers", "run", "lib", "home", "home/.ssh"])
    mkdirSync(join(folder, name), { mode: 0o700 });
  for (const name of ["oncall-dba", "duty-security", "ops-lead"]) {
    const file = join(folder, "home/.ssh", name);
    const made = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file]);
    expect(made.status, "ssh-keygen comes with openssh-client").toBe(0);
    writeFileSync(join(folder, "etc/approvers", `${name}.pub`), readFileSync(`${file}.pub`));
  }
  env = { PATH: `${commandFolder(folder)}:${process.env["PATH"]!}`, HOME: join(folder, "home") };
  const made = await keybroker(["generate-master-key", "--to-file", join(folder, "etc/master-key")], { env });
  expect(made.status, made.stderr).toBe(0);
  daemon = await start();
  for (const name of ["db.kb1", "two.kb1", "three.kb1"]) await envelope(name);
});

afterAll(async () => {
  await daemon?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("an ordinary day", () => {
  test("nothing opens without a grant", async () => {
    const { status, stdout, stderr } = await unwrap("restore", "db.kb1");
    expect([status, stdout.length]).toEqual([3, 0]);
    expect(stderr).toContain("keybroker grant request");
  });

  test("the page's commands ask, approve, open and restore", async () => {
    await shell(ask!);
    const shown = await shell(`export KEYBROKER_ADDRESS=unix:/run/keybroker/admin.sock\n${restore!}`);
    expect(readFileSync(join(folder, "db.key")).equals(dataKey)).toBe(true);
    expect(statSync(join(folder, "db.key")).mode & 0o777).toBe(0o600);
    expect(shown).toMatch(/ open +restore +backups\/db +1 of 5 .*duty-security, ops-lead +INC-1234/);
  });

  test("a retry is not charged again, another envelope is", async () => {
    expect((await unwrap("restore", "db.kb1")).status).toBe(0);
    expect((await unwrap("restore", "two.kb1")).status).toBe(0);
    const { stdout } = await at("admin", "grant", "list", "--json");
    expect(JSON.parse(stdout.toString())).toMatchObject({ grants: [{ uses: 2, state: "open" }] });
  });

  test("somebody signs without keybroker", async () => {
    await shell(byHand!.replaceAll("duty-security", "oncall-dba"));
    const shown = await shell("keybroker grant show grant.txt --json");
    expect((JSON.parse(shown) as { signers: string[] }).signers).toHaveLength(3);
  });

  test("it holds after a restart, and other identities have no part in it", async () => {
    await daemon.stop();
    daemon = await start();
    expect((await unwrap("restore", "db.kb1")).status).toBe(0);
    expect((await unwrap("breakglass", "db.kb1")).status).toBe(3);
    const brought = await unwrap("breakglass", "db.kb1", "--grant", "grant.txt");
    expect([brought.status, brought.stderr]).toEqual([3, expect.stringContaining("it is for identity restore")]);
  });

  test("an edited file opens nothing", async () => {
    const text = readFileSync(join(folder, "grant.txt"), "latin1");
    writeFileSync(join(folder, "edited.txt"), text.replace("max-unwraps: 5", "max-unwraps: 6"));
    expect((await unwrap("restore", "three.kb1", "--grant", "edited.txt")).status).toBe(3);
    expect((await at("admin", "grant", "open", "edited.txt")).status).toBe(2);
  });

  test("a revoked one opens nothing, as a file neither", async () => {
    const { stdout } = await at("admin", "grant", "list", "--json");
    const { id } = (JSON.parse(stdout.toString()) as { grants: { id: string }[] }).grants[0]!;
    expect((await at("admin", "grant", "revoke", id)).status).toBe(0);
    expect((await unwrap("restore", "db.kb1")).status).toBe(3);
    expect((await unwrap("restore", "db.kb1", "--grant", "grant.txt")).status).toBe(3);
    expect((await at("admin", "grant", "open", "grant.txt")).status).toBe(2);
  });

  test("each step is on record", () => {
    const all = records();
    const steps = all.filter(({ event }) => event.startsWith("grant-"));
    const kinds = ["grant-requested", "grant-approved", "grant-approved", "grant-opened", "grant-used", "grant-used"];
    expect(steps.map(({ event }) => event).slice(0, 6)).toEqual(kinds);
    expect(steps.map(({ event }) => event)).toContain("grant-revoked");
    expect(new Set(steps.slice(0, 6).map(({ grant }) => grant)).size).toBe(1);
    const calls = all.filter(({ operation, grant }) => operation === "unwrap" && grant !== undefined);
    expect(calls.length).toBeGreaterThanOrEqual(4);
    expect(steps.find(({ event }) => event === "grant-used")!.details!.approvers).toEqual([
      "duty-security",
      "ops-lead",
    ]);
  });
});

describe("the night", () => {
  beforeAll(async () => {
    await daemon.stop();
    // A file in the place of a folder: nothing can be opened or made there, by root neither.
    renameSync(join(folder, "lib/store.db"), join(folder, "store.db"));
    for (const tail of ["-wal", "-shm"]) rmSync(join(folder, `lib/store.db${tail}`), { force: true });
    mkdirSync(join(folder, "lib/store.db"));
    daemon = await start();
  });

  test("the socket is root's alone", () => {
    const { mode, uid } = statSync(join(folder, "run/breakglass.sock"));
    expect([mode & 0o777, uid]).toEqual([0o600, process.getuid!()]);
  });

  test.skipIf(process.getuid!() !== 0)("nobody else can open it", async () => {
    const open = `require("node:net").connect(process.argv[1]).on("connect", () => process.exit(0)).on("error", (e) => { console.log(e.code); process.exit(1); })`;
    const socket = join(folder, "run/breakglass.sock");
    for (const [user, status] of [
      ["0", 0],
      ["65534", 1],
    ] as const) {
      const command = ["setpriv", `--reuid=${user}`, "--clear-groups", process.execPath, "-e", open, socket];
      expect((await run(command, { env })).status).toBe(status);
    }
  });

  test("the drill opens what the ordinary socket does not", async () => {
    expect((await unwrap("breakglass", "db.kb1")).status).not.toBe(0);
    await shell(drill!);
    expect(readFileSync(join(folder, "night.key")).equals(dataKey)).toBe(true);
    const used = records().filter(({ event, details }) => event === "grant-used" && details?.countedIn === "file");
    expect(used).toHaveLength(1);
    expect(used[0]!.details!.approvers).toEqual(["duty-security", "oncall-dba"]);
  });

  test("kill -9 forgets no use", async () => {
    await shell(`keybroker grant request --offline --realm prod --identity breakglass --requester alice --keys 'backups/*' \
      --for 1h --max-unwraps 1 --reason INC-1 --output one.txt
      keybroker grant approve one.txt --offline --ssh-key ~/.ssh/oncall-dba
      keybroker grant approve one.txt --offline --ssh-key ~/.ssh/ops-lead`);
    expect((await unwrap("breakglass", "db.kb1", "--grant", "one.txt")).status).toBe(0);
    await daemon.kill();
    daemon = await start();
    expect((await unwrap("breakglass", "two.kb1", "--grant", "one.txt")).status).toBe(3);
    expect((await unwrap("breakglass", "db.kb1", "--grant", "one.txt")).status).toBe(0);
  });

  test("one approval, or the requester's own, is not enough", async () => {
    await shell(`keybroker grant request --offline --realm prod --identity breakglass --requester ops-lead --keys 'backups/*' \
      --for 1h --max-unwraps 1 --reason INC-2 --output own.txt
      keybroker grant approve own.txt --offline --ssh-key ~/.ssh/ops-lead
      keybroker grant approve own.txt --offline --ssh-key ~/.ssh/oncall-dba`);
    const { status, stderr } = await unwrap("breakglass", "db.kb1", "--grant", "own.txt");
    expect([status, stderr]).toEqual([3, expect.stringContaining("1 of 2 approvals, by oncall-dba")]);
  });

  test("with the store back, the night's uses count there", async () => {
    await daemon.stop();
    rmSync(join(folder, "lib/store.db"), { recursive: true });
    renameSync(join(folder, "store.db"), join(folder, "lib/store.db"));
    daemon = await start();
    expect((await at("admin", "grant", "open", "one.txt")).status).toBe(0);
    expect((await unwrap("breakglass", "two.kb1")).status).toBe(3);
    expect((await unwrap("breakglass", "db.kb1")).status).toBe(0);
    const { stdout } = await at("admin", "grant", "list", "--json");
    const { grants } = JSON.parse(stdout.toString()) as { grants: { reason: string; state: string; uses: number }[] };
    expect(grants.find(({ reason }) => reason === "INC-1")).toMatchObject({ state: "spent", uses: 1 });
    expect((await at("admin", "audit", "verify", join(folder, "lib/audit"))).status).toBe(0);
  });
});
