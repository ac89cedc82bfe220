// A daemon that is flooded by another process, while a well-behaved client calls it over a connection of its own.

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type * as Library from "../../src/client/index.ts";
import { createAuthority } from "../backends/certificates.ts";
import { daemonFolder, program, startDaemon, type Daemon } from "../backends/daemon.ts";
import { freePort } from "../backends/free-port.ts";
import { masterKeyFile } from "../backends/master-keys.ts";
import { until } from "../backends/until.ts";
import { memoryMb } from "../bench/proc.ts";
import type { FloodOrder, FloodReport } from "./flood-child.ts";

/** The listeners that are flooded. */
export type Front = "unix" | "tls";

/** What a flood did to the daemon. */
interface Endured {
  readonly report: FloodReport;
  /** What the well-behaved client's calls took, in milliseconds, sorted. All were answered. */
  readonly tookMs: readonly number[];
  /** Lines of the log that the flood made. */
  readonly lines: readonly string[];
}

/** The daemon and how to flood it. */
export interface Flooded {
  readonly daemon: Daemon;
  flood(front: Front, order: Pick<FloodOrder, "flood" | "ms" | "connections">): Promise<Endured>;
  /** Answers what the daemon holds above what it held when it was warm, in MB, once that is at most `mb`. */
  settlesWithin(mb: number, timeoutMs?: number): Promise<number>;
  stop(): Promise<void>;
}

const warmCalls = 3_000;

/** Short floods that call up what calls alone do not: the code for refusals and errors, once compiled, stays. */
const warmFloods = ["malformed messages", "rapid reset", "unknown methods"] as const;

/** Starts it, with both kinds of listeners, and warms it up. */
export async function startFlooded(limits: string, maxConnections = 256): Promise<Flooded> {
  const folder = daemonFolder();
  const authority = await createAuthority(folder, "ca");
  const server = await authority.issue("server", [{ type: "dns", value: "localhost" }]);
  const tls = { ...(await authority.issue("flooder", [{ type: "dns", value: "flooder" }])), ca: authority.ca };
  const port = await freePort();
  const configuration = `version: 1
realm: test
providers:
  local: { kind: env, keys: { "1": "file:${masterKeyFile(folder, "key-1").path}" } }
keys:
  backups/db: { wrapTo: [{ provider: local }], context: { required: false } }
listeners:
  local: { unix: keybroker.sock, identity: backup, maxConnections: ${maxConnections} }
  mesh: { tcp: "127.0.0.1:${port}", maxConnections: ${maxConnections}, tls: { cert: ${server.cert}, key: ${server.key} } }
identities:
  # The certificate is of the authority, and no identity: a flood needs no more.
  restore: { listener: mesh, ca: ${authority.ca}, dns: restore }
policy:
  - { who: [backup, restore], may: [wrap, unwrap], keys: "backups/*" }
limits: ${limits}
`;
  const daemon = await startDaemon({ folder, configuration, socket: "keybroker.sock" });
  const { createClient } = (await import(join(program, "../client/index.js"))) as typeof Library;
  const client = createClient({ address: daemon.address });
  const call = async () => {
    const { envelope } = await client.wrap({ key: "backups/db", plaintext: new Uint8Array(32).fill(3) });
    expect(envelope.length).toBeGreaterThan(100);
  };
  const targetOf = (front: Front) =>
    front === "unix" ? { address: daemon.address } : { address: `localhost:${port}`, tls };
  const work = () => Promise.all(Array.from({ length: 100 }, call));
  for (const flood of warmFloods) {
    for (const front of ["unix", "tls"] as const) await runFlood({ flood, ms: 300, ...targetOf(front) }).ended;
  }
  for (let calls = 0; calls < warmCalls; calls += 100) await work();
  const beforeMb = memoryMb(daemon.pid, "VmRSS");
  return {
    daemon,
    async flood(front, order) {
      const seen = daemon.stderr().length;
      const running = runFlood({ ...order, ...targetOf(front) });
      const tookMs: number[] = [];
      while (running.report() === undefined) {
        const startedMs = performance.now();
        await call();
        tookMs.push(performance.now() - startedMs);
        // The flood has the other of two cores; we need not have this one whole.
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await running.ended;
      const lines = daemon.stderr().slice(seen).split("\n").filter(Boolean);
      return { report: running.report()!, tookMs: tookMs.sort((a, b) => a - b), lines };
    },
    async settlesWithin(mb, timeoutMs = 60_000) {
      const grown = () => memoryMb(daemon.pid, "VmRSS") - beforeMb;
      // Garbage is collected while there is work, and by how much there is.
      return until(`memory within ${mb} MB`, async () => (grown() <= mb ? grown() : void (await work())), timeoutMs);
    },
    async stop() {
      client.close();
      expect(await daemon.stop()).toEqual({ status: 0, signal: null });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the process that floods. */
function runFlood(order: FloodOrder): { report(): FloodReport | undefined; readonly ended: Promise<void> } {
  const file = join(import.meta.dirname, "flood-child.ts");
  const child = spawn(process.execPath, [file, JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  let report: FloodReport | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => {
      report = JSON.parse(out || "{}") as FloodReport;
      resolve();
    });
  });
  return { report: () => report, ended };
}

/** The time that 99 of 100 calls kept within. */
export function p99(tookMs: readonly number[]): number {
  return tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * 0.99))]!;
}
