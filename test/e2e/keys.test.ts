// Master keys through the daemon, at every backend: versions, rotation, states, and what keys list says of them.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { daemonFolder, startDaemon } from "../backends/daemon.ts";
import type { Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import type { Ran } from "../backends/keybroker.ts";
import { until } from "../backends/until.ts";
import type { FaultBench, FaultSubject } from "../faults/subject.ts";
import { loadSubjects } from "../faults/subjects.ts";

interface Version {
  readonly version: string;
  readonly state: string;
}

const { here, missing } = await loadSubjects();

test.skip.each(missing)("%s: its backend is missing here", () => undefined);

/** The backend has no such thing, or the least privilege of the daemon's credential does not have it. */
function expectUnable({ status, stderr }: Ran): void {
  expect([2, 3]).toContain(status);
  expect(stderr).toMatch(status === 2 ? /use the backend's own tools/ : /allow it|permission|den(y|ied|ies)/i);
}

describe.each(here.map((subject) => [subject.kind, subject] as const))("%s", (kind, subject: FaultSubject) => {
  let bench: FaultBench;
  let folder: string;
  let daemon: Daemon;

  const run = (...argv: string[]) => keybroker(argv, { env: daemon.env, cwd: folder, input: "0123456789abcdef" });

  async function object<T>(...argv: string[]): Promise<T> {
    const { status, stdout, stderr } = await run(...argv, "--json");
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout.toString()) as T;
  }

  const versions = async () => (await object<{ versions: Version[] }>("keys", "versions", "db")).versions;
  const primary = async () => (await versions()).find(({ state }) => state === "primary")?.version;

  async function wrap(file: string): Promise<void> {
    const { status, stderr } = await run("wrap", "--key", "db", "--context", "file=x", "--output", file);
    expect(status, stderr).toBe(0);
  }

  async function versionOf(file: string): Promise<string> {
    const { recipients } = await object<{ recipients: Version[] }>("inspect", file);
    return recipients[0]!.version;
  }

  const opens = async (file: string) => (await run("unwrap", "--key", "db", "--context", "file=x", file)).status;

  beforeAll(async () => {
    folder = daemonFolder();
    bench = await subject.start();
    const configuration = JSON.stringify({
      version: 1,
      realm: "keys",
      providers: { p: bench.provider },
      keys: { db: { wrapTo: [{ provider: "p", ...bench.reference }], unwrapCache: "none" } },
      listeners: { main: { unix: "keybroker.sock", identity: "admin", admin: true } },
      policy: [
        { who: "admin", may: ["wrap", "unwrap", "inspect", "admin.keys.list", "admin.status"], keys: "*" },
        {
          who: "admin",
          may: ["admin.masterkeys.list", "admin.masterkeys.rotate", "admin.masterkeys.update"],
          keys: "*",
        },
      ],
    });
    daemon = await startDaemon({ folder, configuration, socket: "keybroker.sock", env: { ...bench.environment } });
    await until("the provider to be proven", async () => {
      const { providers } = await object<{ providers: { canWrap: boolean; canUnwrap: boolean }[] }>("status");
      return providers.every(({ canWrap, canUnwrap }) => canWrap && canUnwrap) ? true : undefined;
    });
  }, 120_000);

  afterAll(async () => {
    await daemon?.stop();
    await bench?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("keys list shows the master key and where it lives", async () => {
    const { keys } = await object<{ keys: { recipients: Record<string, string>[]; missingRecipients: number }[] }>(
      "keys",
      "list",
    );
    expect(keys).toMatchObject([{ recipients: [{ provider: "p", providerKind: kind }], missingRecipients: 0 }]);
    expect(keys[0]!.recipients[0]!["masterKeyId"]).not.toBe("");
  });

  test("a dry run of a rotation changes nothing", async () => {
    const ran = await run("keys", "rotate", "db", "--dry-run");
    if (ran.status !== 0) return expectUnable(ran);
    const before = await versions();
    expect((await run("keys", "rotate", "db", "--dry-run")).status).toBe(0);
    expect(await versions()).toEqual(before);
  });

  test("after a rotation new envelopes are under the new version, and old ones open", async () => {
    await wrap("old");
    const ran = await run("keys", "rotate", "db", "--json");
    if (ran.status !== 0) return expectUnable(ran);
    const { version } = JSON.parse(ran.stdout.toString()) as Version;
    expect(await primary()).toBe(version);
    await wrap("new");
    expect(await opens("old")).toBe(0);
    expect(await opens("new")).toBe(0);
    expect(await versionOf("new")).not.toBe(await versionOf("old"));
  });

  test("a version that is disabled opens nothing until it is enabled again", async () => {
    await wrap("before");
    const first = await versionOf("before");
    if ((await run("keys", "rotate", "db")).status !== 0) return;
    const set = (state: string) => run("keys", "set-version", "db", first, state);
    const disabled = await set("disabled");
    if (disabled.status !== 0) return expectUnable(disabled);
    expect(await opens("before")).not.toBe(0);
    expect(await set("enabled")).toMatchObject({ status: 0 });
    expect(await opens("before")).toBe(0);
  });

  test("a version that there is not is refused, by name", async () => {
    const ran = await run("keys", "set-version", "db", "no-such-version", "disabled");
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(/has no version no-such-version|use the backend's own tools/);
  });

  test("a refused change leaves the master key at work", async () => {
    await run("keys", "set-version", "db", "no-such-version", "disabled");
    await run("keys", "rotate", "db");
    await wrap("after");
    expect(await opens("after")).toBe(0);
    const { providers } = await object<{ providers: Record<string, unknown>[] }>("status");
    expect(providers).toMatchObject([{ canWrap: true, canUnwrap: true }]);
  });

  test("the audit says who changed what", async () => {
    await run("keys", "rotate", "db", "--dry-run");
    const audit = join(folder, "audit");
    const logs = readdirSync(audit).filter((file) => file.endsWith(".jsonl"));
    const lines = logs.map((file) => readFileSync(join(audit, file), "utf8")).join("");
    expect(lines).toMatch(
      /"operation":"admin\.masterkeys\.rotate","key":"db".*"decision":"allowed".*"details":\{"provider":"p","masterKey":/,
    );
  });
});
