// The emergency stop of built daemons: through the command line, two processes, crashes, and an older store.

import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import type { Client } from "../../src/client/index.ts";
import { daemonFolder, startDaemon, type Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import { until } from "../backends/until.ts";

const context = { host: "db1" };
const plaintext = randomBytes(32);
const env = { MASTER: randomBytes(32).toString("base64url") };
let ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

function folderOf(): string {
  const folder = daemonFolder();
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A daemon's own folder within a shared one, which holds the store. */
async function start(shared: string, name: string): Promise<Daemon> {
  const folder = join(shared, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const configuration = `version: 1
realm: prod
providers: { local: { kind: env, keys: { one: "\${MASTER}" } } }
keys:
  backups/db: { wrapTo: [{ provider: local }], formerNames: [old/db] }
  backups/mail: { wrapTo: [{ provider: local }] }
  ledger: { wrapTo: [{ provider: local }], onStoreLoss: refuse }
listeners: { sock: { unix: kb.sock, identity: ops, admin: true }, app: { unix: app.sock, identity: app, admin: true } }
policy:
  - { who: [ops, app], may: [wrap, unwrap, rewrap, check, inspect], keys: "*" }
  - { who: ops, may: [admin.stop, admin.status], keys: "*" }
  - { who: app, may: admin.stop, keys: ledger }
store: { sqlite: ${join(shared, "state/store.db")} }
metrics: { listen: "127.0.0.1:0" }
`;
  const daemon = await startDaemon({ folder, configuration, env, socket: "kb.sock" });
  ends.push(() => daemon.kill());
  return daemon;
}

function clientOf(daemon: Daemon, socket = "kb.sock"): Client {
  const client = createClient({ address: `unix:${join(daemon.folder, socket)}`, maxAttempts: 1 });
  ends.push(() => client.close());
  return client;
}

const cli = (daemon: Daemon, ...args: string[]) => keybroker(args, { env: daemon.env });
const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: unknown) => (error as { reason?: string }).reason ?? "transport",
  );
const stopFile = (shared: string) =>
  JSON.parse(readFileSync(join(shared, "state/stops.json"), "utf8")) as { epoch: number; all?: object; keys: object[] };

async function metric(daemon: Daemon, name: string): Promise<number> {
  const address = /"event":"monitoring","address":"([^"]+)"/.exec(daemon.stderr())![1]!;
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** A shared folder with a state folder. */
function sharedFolder(): string {
  const shared = folderOf();
  mkdirSync(join(shared, "state"), { mode: 0o700 });
  return shared;
}

test("keybroker stop refuses what opens in every daemon of the store within a second, and forgets branch keys", async () => {
  const shared = sharedFolder();
  const [one, two] = [await start(shared, "one"), await start(shared, "two")];
  const [here, there] = [clientOf(one), clientOf(two)];
  const { envelope } = await here.wrap({ key: "backups/db", plaintext, context });
  const mail = await here.wrap({ key: "backups/mail", plaintext, context });
  for (const client of [here, there]) await client.unwrap({ envelope, context });
  const loads = await metric(two, "keybroker_branch_key_loads_total");

  const stopped = await cli(one, "stop", "--key", "old/db", "--reason", "laptop stolen");
  expect([stopped.status, stopped.stdout.toString()]).toEqual([
    0,
    "key old/db is stopped: unwrap, rewrap and check are refused, wrapping goes on\n",
  ]);
  const stoppedAt = performance.now();
  expect(await reasonOf(here.unwrap({ envelope, context }))).toBe("KEY_STOPPED");
  await until("the stop in the other daemon", async () =>
    (await reasonOf(there.unwrap({ envelope, context }))) === "KEY_STOPPED" ? true : undefined,
  );
  expect(performance.now() - stoppedAt).toBeLessThan(1_000);

  for (const client of [here, there]) {
    expect(await reasonOf(client.rewrap({ envelope }))).toBe("KEY_STOPPED");
    expect(await reasonOf(client.check({ envelope, context }))).toBe("KEY_STOPPED");
    await client.inspect({ envelope });
    await client.wrap({ key: "backups/db", plaintext, context });
    await client.unwrap({ envelope: mail.envelope, context });
  }
  const unwrapped = await keybroker(["unwrap", "--context", "host=db1"], { env: two.env, input: envelope });
  expect([unwrapped.status, unwrapped.stderr]).toEqual([3, expect.stringContaining("laptop stolen")]);

  const listed = await cli(two, "stop", "list", "--json");
  expect(JSON.parse(listed.stdout.toString())).toMatchObject({
    stops: [{ key: "backups/db", reason: "laptop stolen", identity: "ops" }],
    epoch: 1,
    complete: true,
  });
  expect((await cli(one, "stop", "list")).stdout.toString()).toMatch(
    /^KEY +SINCE +BY +REASON\nbackups\/db +\S+ +ops +laptop stolen\n$/,
  );
  expect((await clientOf(two).status()).warnings.join()).toContain("key backups/db is stopped since");
  expect(await metric(two, "keybroker_stops")).toBe(1);

  const resumed = await cli(two, "resume", "--key", "backups/db");
  expect(resumed.stdout.toString()).toBe("the stop of key backups/db is lifted; nothing is stopped\n");
  for (const client of [there, here]) {
    await until("the resumption", async () =>
      (await reasonOf(client.unwrap({ envelope, context }))) === "done" ? true : undefined,
    );
  }
  // The branch key was forgotten: it had to be loaded again.
  expect(await metric(two, "keybroker_branch_key_loads_total")).toBeGreaterThan(loads);
  const records = (daemon: Daemon) =>
    readdirSync(join(daemon.folder, "audit"))
      .filter((name) => name.endsWith(".jsonl"))
      .map((name) => readFileSync(join(daemon.folder, "audit", name), "utf8"))
      .join("");
  for (const daemon of [one, two]) {
    expect(records(daemon)).toContain('"event":"key-stopped"');
    expect(records(daemon)).toContain('"event":"key-resumed"');
  }
});

test("a stop of all keys needs the permission on each, and one for a key that is not there says no more than no", async () => {
  const shared = sharedFolder();
  const daemon = await start(shared, "one");
  const [ops, app] = [clientOf(daemon), clientOf(daemon, "app.sock")];
  expect(await reasonOf(app.stopKeys({ all: true }))).toBe("DENIED");
  expect(await reasonOf(app.stopKeys({ key: "backups/db" }))).toBe("DENIED");
  expect(await reasonOf(ops.stopKeys({ key: "backups/none" }))).toBe("DENIED");
  expect(await reasonOf(ops.stopKeys({}))).toBe("REQUEST_INVALID");
  expect(await reasonOf(ops.stopKeys({ key: "ledger", all: true }))).toBe("REQUEST_INVALID");
  expect(await reasonOf(ops.stopKeys({ all: true, reason: "a\nb" }))).toBe("REQUEST_INVALID");
  expect(await app.stopKeys({ key: "ledger" })).toBe(true);
  await ops.stopKeys({ all: true, reason: "drill" });
  const { envelope } = await ops.wrap({ key: "backups/mail", plaintext, context });
  expect(await reasonOf(ops.unwrap({ envelope, context }))).toBe("KEY_STOPPED");
  expect((await app.listStops()).stops.map(({ key }) => key)).toEqual(["", "ledger"]);
  expect(await reasonOf(app.resumeKeys({ all: true }))).toBe("DENIED");
  expect(await ops.resumeKeys({ all: true })).toEqual({ shared: true, resumed: true, remaining: 1 });
  expect(await ops.resumeKeys({ all: true })).toMatchObject({ resumed: false });
  await ops.unwrap({ envelope, context });
  expect((await cli(daemon, "stop")).status).toBe(2);
  expect((await cli(daemon, "stop", "--all", "--key", "ledger")).status).toBe(2);
});

test("a stop survives kill -9, and an older store that is restored in between", async () => {
  const shared = sharedFolder();
  const store = join(shared, "state/store.db");
  const first = await start(shared, "one");
  const { envelope } = await clientOf(first).wrap({ key: "backups/db", plaintext, context });
  await first.stop();
  copyFileSync(store, join(shared, "older.db"));

  const second = await start(shared, "one");
  await clientOf(second).stopKeys({ key: "backups/db" });
  await second.kill();
  const third = await start(shared, "one");
  expect(await reasonOf(clientOf(third).unwrap({ envelope, context }))).toBe("KEY_STOPPED");
  await third.stop();

  for (const suffix of ["-wal", "-shm"]) rmSync(store + suffix, { force: true });
  renameSync(join(shared, "older.db"), store);
  const fourth = await start(shared, "one");
  expect(await reasonOf(clientOf(fourth).unwrap({ envelope, context }))).toBe("KEY_STOPPED");
  await fourth.kill();

  // The restored store knows of it again: a daemon without the file does, too.
  rmSync(join(shared, "state/stops.json"));
  const fifth = await start(shared, "one");
  expect(await reasonOf(clientOf(fifth).unwrap({ envelope, context }))).toBe("KEY_STOPPED");
  expect(stopFile(shared)).toMatchObject({ epoch: 1 });
  expect(statSync(join(shared, "state/stops.json")).mode & 0o777).toBe(0o600);
});

test("with the store away known stops hold, ordinary keys open, strict ones do not, and it comes back by itself", async () => {
  const shared = sharedFolder();
  const daemon = await start(shared, "one");
  const client = clientOf(daemon);
  const wrap = (key: string) => client.wrap({ key, plaintext, context }).then(({ envelope }) => envelope);
  const [db, mail, ledger] = await Promise.all(["backups/db", "backups/mail", "ledger"].map(wrap));
  await client.stopKeys({ key: "backups/db" });
  await client.unwrap({ envelope: ledger!, context });

  renameSync(join(shared, "state"), join(shared, "gone"));
  await until("the store's loss", async () =>
    (await reasonOf(client.unwrap({ envelope: ledger!, context }))) === "STORE_UNAVAILABLE" ? true : undefined,
  );
  await client.unwrap({ envelope: mail!, context });
  expect(await reasonOf(client.unwrap({ envelope: db!, context }))).toBe("KEY_STOPPED");
  expect((await client.status()).warnings.join()).toContain("the store does not answer");
  expect(await metric(daemon, "keybroker_store_reachable")).toBe(0);
  // Neither the store nor the file can keep this one: it is in force, and the caller is told.
  expect(await reasonOf(client.stopKeys({ key: "backups/mail" }))).toBe("STORE_UNAVAILABLE");
  expect(await reasonOf(client.unwrap({ envelope: mail!, context }))).toBe("KEY_STOPPED");

  renameSync(join(shared, "gone"), join(shared, "state"));
  await until("the store", async () =>
    (await reasonOf(client.unwrap({ envelope: ledger!, context }))) === "done" ? true : undefined,
  );
  await until("the stop in the file", () => (stopFile(shared).keys.length === 2 ? true : undefined));
  expect(existsSync(join(shared, "state/store.db"))).toBe(true);
  expect((await client.listStops()).stops.map(({ key }) => key)).toEqual(["backups/db", "backups/mail"]);
});
