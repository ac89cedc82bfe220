// Measures what many rules and identities cost: a daemon with 1,000 and 10,000 beside one with 10 of each.

import { randomBytes } from "node:crypto";
import { copyFileSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { createAuthority } from "../../backends/certificates.ts";
import { daemonFolder, startDaemon, type Daemon } from "../../backends/daemon.ts";
import { measure, type Duration, type Sample } from "../load.ts";
import { memoryMb } from "../proc.ts";
import { rows, type Row } from "../rows.ts";
import { median } from "../table.ts";
import { measureDecisions } from "./decide.ts";
import { configurationText, large, small, type Size } from "./sizes.ts";

interface Server {
  readonly daemon: Daemon;
  readonly startMs: number;
}

async function serve(size: Size): Promise<Server> {
  const folder = daemonFolder();
  const authority = await createAuthority(folder, "ca");
  const files = await authority.issue("tls", [{ type: "dns", value: "bench" }]);
  copyFileSync(files.cert, join(folder, "tls.crt"));
  copyFileSync(files.key, join(folder, "tls.key"));
  const env = { BENCH_MASTER_KEY: randomBytes(32).toString("base64") };
  const startedMs = performance.now();
  const daemon = await startDaemon({ folder, configuration: configurationText(size), socket: "keybroker.sock", env });
  return { daemon, startMs: performance.now() - startedMs };
}

interface Compared {
  readonly name: string;
  readonly few: Sample[];
  readonly many: Sample[];
}

/** One round of one row: which daemon comes first changes, so that what the machine does meanwhile hits both alike. */
async function compare(generator: string, servers: readonly Server[], row: Row, round: number, duration: Duration) {
  const samples: Sample[] = [];
  const order = round % 2 === 0 ? [0, 1] : [1, 0];
  for (const index of order) {
    const { pid, address } = servers[index]!.daemon;
    const subject = { pid, target: address, stop: () => Promise.resolve() };
    samples[index] = await measure(generator, row.ours, subject, duration);
  }
  return samples;
}

/** Runs all of it and prints a markdown table. `short` takes seconds and only shows that it works. */
export async function measurePolicy(generator: string, short: boolean, rounds: number): Promise<void> {
  const duration = short ? { warmupMs: 100, measuredMs: 200 } : { warmupMs: 700, measuredMs: 2_000 };
  const chosen = rows.filter(({ name }) => /^(unary, 32|Session, frames of 8)/.test(name));
  const compared = chosen.map(({ name }): Compared => ({ name, few: [], many: [] }));
  const servers = [await serve(small), await serve(large)];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [index, row] of chosen.entries()) {
        const [few, many] = await compare(generator, servers, row, round, duration);
        compared[index]!.few.push(few!);
        compared[index]!.many.push(many!);
      }
    }
    print(compared, servers, await measureDecisions([small, large], short ? 3 : 60), rounds);
  } finally {
    for (const { daemon } of servers) {
      await daemon.stop();
      rmSync(daemon.folder, { recursive: true, force: true });
    }
  }
}

function print(compared: readonly Compared[], servers: readonly Server[], nanos: readonly number[], rounds: number) {
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${rounds} rounds\n`);
  const lines = compared.flatMap(({ name, few, many }) => [
    line(`${name}: ops/s`, few, many, ({ opsPerSecond }) => opsPerSecond, 0),
    line(`${name}: server CPU µs/op`, few, many, ({ serverCpuMicrosPerOp }) => serverCpuMicrosPerOp, 2),
  ]);
  const plain = (name: string, few: number, many: number) => `| ${name} | ${few.toFixed(0)} | ${many.toFixed(0)} | |`;
  console.log("| | 10 rules, 10 identities | 1,000 rules, 10,000 identities | many ÷ few |\n|---|---|---|---|");
  console.log([...lines, plain("one decision, ns, at random", nanos[0]!, nanos[1]!)].join("\n"));
  const [few, many] = servers;
  console.log(plain("start, ms", few!.startMs, many!.startMs));
  console.log(
    plain("memory after the load, MB", memoryMb(few!.daemon.pid, "VmRSS"), memoryMb(many!.daemon.pid, "VmRSS")),
  );
}

function line(
  name: string,
  few: readonly Sample[],
  many: readonly Sample[],
  of: (s: Sample) => number,
  digits: number,
) {
  const ratios = many.map((sample, index) => of(sample) / of(few[index]!));
  const cells = [few, many].map((samples) => median(samples.map(of)).toFixed(digits));
  return `| ${name} | ${cells.join(" | ")} | ${(median(ratios) * 100).toFixed(1)} % |`;
}
