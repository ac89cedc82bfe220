// Quotas of built daemons: across connections, Sessions, restarts and processes, and what reaches a provider.

import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import type { BatchCall, Client } from "../../src/client/index.ts";
import { daemonFolder, startDaemon, type Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import { until } from "../backends/until.ts";

const context = { host: "db1" };
const plaintext = randomBytes(32);
const env = { MASTER: randomBytes(32).toString("base64url") };
const hourMs = 3_600_000;
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

async function start(shared: string, name: string, quota: string, more = ""): Promise<Daemon> {
  const folder = join(shared, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const configuration = `version: 1
realm: prod
providers: { local: { kind: env, keys: { one: "\${MASTER}" } } }
keys:
  backups/db: { wrapTo: [{ provider: local }] }
  strict: { wrapTo: [{ provider: local }], unwrapCache: none }
listeners: { sock: { unix: kb.sock, identity: restore }, other: { unix: other.sock, identity: other } }
policy:
  - { who: [restore, other], may: [unwrap, check], keys: backups/db, quota: ${quota} }
  - { who: [restore, other], may: [wrap, unwrap, check], keys: "*" }
store: { sqlite: ${join(shared, "store.db")} }
metrics: { listen: "127.0.0.1:0" }
${more}`;
  const daemon = await startDaemon({ folder, configuration, env, socket: "kb.sock" });
  ends.push(() => daemon.kill());
  return daemon;
}

function clientOf(daemon: Daemon, socket = "kb.sock"): Client {
  const client = createClient({ address: `unix:${join(daemon.folder, socket)}`, maxAttempts: 1 });
  ends.push(() => client.close());
  return client;
}

interface Failure {
  readonly reason?: string;
  readonly retryAfterMs?: number;
}

/** How many of so many calls at once were let; every other must be QUOTA. */
async function let_(calls: readonly Promise<unknown>[]): Promise<number> {
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  for (const { reason } of refused) expect(reason).toMatchObject({ reason: "QUOTA" });
  return outcomes.length - refused.length;
}

const times = <T>(count: number, make: () => Promise<T>) => Array.from({ length: count }, make);

/** These tests count within one hour of the clock. */
const sameHour = () => until("the next hour", () => (Date.now() % hourMs < hourMs - 30_000 ? true : undefined), 40_000);

async function metrics(daemon: Daemon): Promise<string> {
  const address = /"event":"monitoring","address":"([^"]+)"/.exec(daemon.stderr())![1]!;
  return await (await fetch(`http://${address}/metrics`)).text();
}

test("a quota holds over connections, Sessions, Batches and restarts, and says when to try again", async () => {
  await sameHour();
  const shared = folderOf();
  const first = await start(shared, "one", "60/h");
  const { envelope } = await clientOf(first).wrap({ key: "backups/db", plaintext, context });
  const unwrap = (client: Client) => () => client.unwrap({ envelope, context });

  expect(await let_(times(10, () => unwrap(clientOf(first))()))).toBe(10);
  const call: BatchCall = { operation: "unwrap", input: { envelope, context } };
  const batch = await clientOf(first).batch(Array<BatchCall>(10).fill(call));
  expect(batch.filter(({ error }) => error === undefined)).toHaveLength(10);
  // Calls that fail are charged all the same.
  const foreign = { envelope, context: { host: "other" } };
  const failed = await Promise.allSettled(times(10, () => clientOf(first).unwrap(foreign)));
  for (const outcome of failed) expect(outcome).toMatchObject({ reason: { reason: "ENVELOPE_REFUSED" } });
  await first.stop();

  const second = await start(shared, "one", "60/h");
  expect(await let_(times(15, unwrap(clientOf(second))))).toBe(15);
  await second.kill();

  const third = await start(shared, "one", "60/h");
  const client = clientOf(third);
  const rest = await let_(times(40, unwrap(client)));
  // A chunk, three of sixty, and the next one, were the killed process's.
  expect(rest).toBeLessThanOrEqual(15);
  expect(rest).toBeGreaterThanOrEqual(9);
  const refused = (await client.unwrap({ envelope, context }).catch((error: unknown) => error)) as Failure;
  expect(refused.retryAfterMs).toBeGreaterThan(0);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(hourMs);
  const ran = await keybroker(["unwrap", "--context", "host=db1"], { env: third.env, input: envelope });
  expect([ran.status, ran.stderr]).toEqual([7, expect.stringContaining("is 60/h, and it is spent")]);

  // Of this identity alone.
  expect(await let_(times(10, unwrap(clientOf(third, "other.sock"))))).toBe(10);
  const text = await metrics(third);
  expect(text).toMatch(
    /keybroker_quota_events_total\{identity="restore",key="backups\/db",bound="quota",event="near"\} 1/,
  );
  expect(text).toMatch(
    /keybroker_quota_events_total\{identity="restore",key="backups\/db",bound="quota",event="spent"\} 1/,
  );
  expect(third.stderr()).toContain('"event":"quota-near"');
  expect(third.stderr()).toContain('"event":"quota-spent"');
});

test("two daemons over one store let no more than one would", async () => {
  await sameHour();
  const shared = folderOf();
  const daemons = [await start(shared, "one", "400/h"), await start(shared, "two", "400/h")];
  const clients = daemons.map((daemon) => clientOf(daemon));
  const { envelope } = await clients[0]!.wrap({ key: "backups/db", plaintext, context });
  const counts = await Promise.all(
    clients.map((client) => let_(times(500, () => client.unwrap({ envelope, context })))),
  );
  const sum = counts[0]! + counts[1]!;
  expect(sum).toBeLessThanOrEqual(400);
  expect(sum).toBeGreaterThanOrEqual(360);
});

test("a mass unwrap trips the quota of distinct envelopes, and those already opened open again", async () => {
  await sameHour();
  const shared = folderOf();
  const daemons = [
    await start(shared, "one", "[20 distinct/h, 5000/h]"),
    await start(shared, "two", "[20 distinct/h, 5000/h]"),
  ];
  const [here, there] = daemons.map((daemon) => clientOf(daemon));
  const wrapped = await Promise.all(times(50, () => here!.wrap({ key: "backups/db", plaintext, context })));
  const opened: Uint8Array[] = [];
  for (const [index, { envelope }] of wrapped.entries()) {
    const client = index % 2 === 0 ? here! : there!;
    await client.unwrap({ envelope, context }).then(
      () => opened.push(envelope),
      (error: unknown) => expect(error).toMatchObject({ reason: "QUOTA" }),
    );
  }
  expect(opened).toHaveLength(20);
  for (const client of [here!, there!]) {
    expect(await let_(opened.map((envelope) => client.unwrap({ envelope, context })))).toBe(20);
  }
});

test("junk of one identity eats a bound of its own, and nobody else's provider calls", async () => {
  const shared = folderOf();
  const daemon = await start(
    shared,
    "one",
    "60/h",
    "limits: { refusedLoads: 5/d, providerCallsPerIdentity: 100000/d }\n",
  );
  const [junk, honest] = [clientOf(daemon), clientOf(daemon, "other.sock")];
  const { envelope } = await honest.wrap({ key: "strict", plaintext, context });
  // Another blob for the same master key: it is the provider that refuses it.
  const forged = () => {
    const bytes = Uint8Array.from(envelope);
    const blob = Buffer.from(bytes).indexOf("one") + 3 + 2;
    bytes[blob + 40]! ^= 1;
    return bytes;
  };
  const reasons: (string | undefined)[] = [];
  for (let call = 0; call < 12; call++) {
    const outcome = await junk.unwrap({ envelope: forged(), context }).then(
      () => ({ reason: "done" }),
      (error: unknown) => error as Failure,
    );
    reasons.push(outcome.reason);
  }
  expect(reasons).toEqual([...Array<string>(5).fill("ENVELOPE_REFUSED"), ...Array<string>(7).fill("QUOTA")]);
  await honest.unwrap({ envelope, context });
  expect(await metrics(daemon)).toContain('bound="refusedLoads",event="spent"} 1');
  const loads = /keybroker_branch_key_loads_total\{key="strict",outcome="ENVELOPE_REFUSED"\} (\d+)/.exec(
    await metrics(daemon),
  );
  expect(Number(loads![1])).toBe(5);
});
