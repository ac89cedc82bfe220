// Moving a key from one provider to the next, around a ring of all kinds: nothing that was wrapped is lost, and what was
// left behind says which master key it needs.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { daemonFolder, startDaemon } from "../backends/daemon.ts";
import type { Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import type { Ran } from "../backends/keybroker.ts";
import { until } from "../backends/until.ts";
import type { FaultBench, FaultSubject } from "../faults/subject.ts";
import { loadSubjects } from "../faults/subjects.ts";

const { here: subjects, missing } = await loadSubjects();
const benches = new Map<FaultSubject, Promise<FaultBench>>();

function benchOf(subject: FaultSubject): Promise<FaultBench> {
  const bench = benches.get(subject) ?? subject.start();
  benches.set(subject, bench);
  return bench;
}

afterAll(async () => {
  for (const bench of benches.values()) await bench.then((bench) => bench.stop()).catch(() => undefined);
});

interface Side {
  readonly name: string;
  readonly bench: FaultBench;
}

/** A configuration in which the key wraps to one side, and others still unwrap. */
function configuration(wrapTo: Side, unwrapOnly: readonly Side[]): string {
  const recipient = ({ name, bench }: Side) => ({ provider: name, ...bench.reference });
  return JSON.stringify({
    version: 1,
    realm: "moving",
    providers: Object.fromEntries([wrapTo, ...unwrapOnly].map(({ name, bench }) => [name, bench.provider])),
    keys: { db: { wrapTo: [recipient(wrapTo)], unwrapOnly: unwrapOnly.map(recipient), unwrapCache: "none" } },
    listeners: { main: { unix: "keybroker.sock", identity: "backup" } },
    policy: [{ who: "backup", may: ["wrap", "unwrap", "rewrap", "inspect"], keys: "*" }],
    limits: { callTimeout: "30s", providerTimeout: "20s" },
  });
}

/** A daemon, and the commands that its callers run. */
interface Desk {
  readonly daemon: Daemon;
  reload(text: string): Promise<void>;
  wrap(file: string, context: string): Promise<void>;
  unwrap(file: string, context: string): Promise<Ran>;
  rewrap(files: readonly string[]): Promise<Ran>;
  masterKeyOf(file: string): Promise<string>;
}

async function startDesk(text: string, env: Record<string, string>): Promise<Desk> {
  const folder = daemonFolder();
  const daemon = await startDaemon({ folder, configuration: text, socket: "keybroker.sock", env });
  const cwd = join(folder, "envelopes");
  mkdirSync(cwd);
  const command = (args: readonly string[], input?: Uint8Array) => keybroker(args, { env: daemon.env, cwd, input });
  const loaded = () => daemon.stderr().split('"event":"configuration-loaded"').length;
  const failed = () => daemon.stderr().split('"event":"reload-failed"').length;
  return {
    daemon,
    async reload(next) {
      const before = { loaded: loaded(), failed: failed() };
      writeFileSync(join(folder, "keybroker.yaml"), next, { mode: 0o600 });
      daemon.signal("SIGHUP");
      await until("the reload", () => {
        if (failed() > before.failed) throw new Error(`the reload failed:\n${daemon.stderr()}`);
        return loaded() > before.loaded ? true : undefined;
      });
    },
    async wrap(file, context) {
      const input = Buffer.from(`data key of ${context}`);
      const { status, stdout, stderr } = await command(["wrap", "--key", "db", "--context", context], input);
      expect(status, stderr).toBe(0);
      writeFileSync(join(cwd, file), stdout);
    },
    unwrap: (file, context) => command(["unwrap", "--key", "db", "--context", context], readFileSync(join(cwd, file))),
    rewrap: (files) => command(["rewrap", "--key", "db", ...files]),
    async masterKeyOf(file) {
      const { stdout, stderr } = await command(["inspect", "--json"], readFileSync(join(cwd, file)));
      const { recipients } = JSON.parse(stdout.toString()) as { recipients: { masterKeyId: string }[] };
      expect(recipients, stderr).toHaveLength(1);
      return recipients[0]!.masterKeyId;
    },
  };
}

const envelopes = [
  { file: "one.kb1", context: "host=db1" },
  { file: "two.kb1", context: "host=db2" },
] as const;
const left = { file: "left.kb1", context: "host=db3" } as const;

async function expectOpen(desk: Desk, all: readonly { file: string; context: string }[]): Promise<void> {
  for (const { file, context } of all) {
    const { status, stdout, stderr } = await desk.unwrap(file, context);
    expect(status, stderr).toBe(0);
    expect(stdout.toString()).toBe(`data key of ${context}`);
  }
}

const ring = subjects.map((from, index) => [from.kind, subjects[(index + 1) % subjects.length]!, from] as const);

test.skip.each(missing)("%s: its backend is missing here", () => undefined);

describe.each(ring.map(([kind, to, from]) => [kind, to.kind, from, to] as const))("%s to %s", (_, __, from, to) => {
  test("what was rewrapped opens there alone, and the rest names the master key that it needs", async () => {
    const old: Side = { name: "old", bench: await benchOf(from) };
    const next: Side = { name: "next", bench: from === to ? await to.start() : await benchOf(to) };
    const desk = await startDesk(configuration(old, []), { ...old.bench.environment, ...next.bench.environment });
    try {
      for (const { file, context } of [...envelopes, left]) await desk.wrap(file, context);
      const oldKey = await desk.masterKeyOf(left.file);

      await desk.reload(configuration(next, [old]));
      await expectOpen(desk, [...envelopes, left]);
      // Without their contexts: only whoever unwraps has to know them.
      const moved = await desk.rewrap(envelopes.map(({ file }) => file));
      expect(moved.status, moved.stderr).toBe(0);
      for (const { file } of envelopes) expect(await desk.masterKeyOf(file)).not.toBe(oldKey);
      await expectOpen(desk, [...envelopes, left]);

      await desk.reload(configuration(next, []));
      await expectOpen(desk, envelopes);
      expect((await desk.unwrap(left.file, left.context)).status).toBe(4);
      const refused = await desk.rewrap([left.file]);
      expect(refused.status).toBe(4);
      expect(refused.stderr).toContain(oldKey);
    } finally {
      await desk.daemon.stop();
      rmSync(desk.daemon.folder, { recursive: true, force: true });
      if (from === to) await next.bench.stop();
    }
  });
});
