// keybroker doctor, as people run it, against every backend: all good when it is well, and each failure with what to do.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { daemonFolder, startDaemon } from "../backends/daemon.ts";
import type { Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import type { FaultBench, FaultSubject, Injected } from "../faults/subject.ts";
import { loadSubjects } from "../faults/subjects.ts";

interface Found {
  readonly check: string;
  readonly outcome: string;
  readonly detail: string;
  readonly fix?: string;
}

interface Told {
  readonly ok: boolean;
  readonly exit: number;
  readonly sections: readonly { readonly name: string; readonly findings: readonly Found[] }[];
}

const { here, missing } = await loadSubjects();
/** Faults that show by themselves, without a daemon's earlier sessions. */
const told = ["disabled key", "revoked permission", "hang", "server error"] as const;

test.skip.each(missing)("%s: its backend is missing here", () => undefined);

function configuration(bench: FaultBench): string {
  return JSON.stringify({
    version: 1,
    realm: "doctor",
    providers: { p: bench.provider },
    keys: { db: { wrapTo: [{ provider: "p", ...bench.reference }] } },
    listeners: { main: { unix: "keybroker.sock", identity: "admin", admin: true } },
    policy: [{ who: "admin", may: ["wrap", "admin.status"], keys: "*" }],
  });
}

describe.each(here.map((subject) => [subject.kind, subject] as const))("%s", (_, subject: FaultSubject) => {
  let bench: FaultBench;
  let folder: string;
  let injected: Injected | undefined;
  let daemon: Daemon | undefined;

  async function doctor(...argv: string[]) {
    const command = ["doctor", "--config", join(folder, "keybroker.yaml"), "--timeout", "3s", ...argv];
    const ran = await keybroker(command, { env: { PATH: process.env["PATH"], ...bench.environment } });
    const output = ran.stdout.toString() + ran.stderr;
    for (const secret of bench.secrets) expect(output).not.toContain(secret);
    return { ...ran, output };
  }

  async function findings(): Promise<{ told: Told; bad: readonly Found[] }> {
    const { stdout } = await doctor("--json");
    const told = JSON.parse(stdout.toString()) as Told;
    return {
      told,
      bad: told.sections.flatMap((section) => section.findings).filter(({ outcome }) => outcome === "bad"),
    };
  }

  beforeAll(async () => {
    folder = daemonFolder();
    bench = await subject.start();
    writeFileSync(join(folder, "keybroker.yaml"), configuration(bench), { mode: 0o600 });
  }, 120_000);

  afterEach(async () => {
    await injected?.clear();
    injected = undefined;
    await daemon?.stop();
    daemon = undefined;
  });

  afterAll(async () => {
    await bench?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is well: exit 0, a round trip among what was looked at", async () => {
    const { status, output } = await doctor();
    expect(status, output).toBe(0);
    expect(output).toMatch(/^ {2}good {2}round trip +64 bytes wrapped/m);
    expect(output).toMatch(/^all good$/m);
  });

  test("shows the running daemon's view beside its own", async () => {
    const env = { ...bench.environment };
    daemon = await startDaemon({ folder, configuration: configuration(bench), socket: "keybroker.sock", env });
    const { status, output } = await doctor();
    expect(status, output).toBe(0);
    expect(output).toMatch(/^ {2}good {2}status +version \S+ runs/m);
  });

  // A fault that this kind of backend cannot have is no test left out: its subject says why.
  for (const fault of told.filter((one) => !(one in subject.exempt)))
    test(`${fault}: exit 5, and every bad finding has a fix`, async () => {
      injected = await bench.inject(fault);
      const found = await findings();
      expect(found.told).toMatchObject({ ok: false, exit: 5 });
      expect(found.bad.length).toBeGreaterThan(0);
      for (const { check, detail, fix } of found.bad) {
        expect(check).not.toBe("");
        expect(detail).not.toBe("");
        expect(fix, check).toBeTruthy();
      }
      await injected.clear();
      injected = undefined;
      await expect.poll(async () => (await findings()).told.exit, { timeout: 60_000, interval: 1_000 }).toBe(0);
    });
});
