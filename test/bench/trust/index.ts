// Measures what trust costs: one build with quota and audit beside the same without, with fsync, and over mutual TLS.

import { rmSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { measure, type Duration, type Sample } from "../load.ts";
import { rows, type Row } from "../rows.ts";
import type { Subject } from "../subjects.ts";
import { median } from "../table.ts";
import { syncsPerSecond } from "./disk.ts";
import { measureLog } from "./log.ts";
import { startServer, type Server } from "./servers.ts";

const kinds = ["off", "on", "mTLS", "fsync"] as const;
type Kind = (typeof kinds)[number];
type Samples = Readonly<Record<Kind, Sample[]>>;

/** One of each, in an order that changes: what the machine does meanwhile hits all alike. */
async function measureRound(
  generator: string,
  subjects: Readonly<Record<Kind, Subject>>,
  row: Row,
  round: number,
  duration: Duration,
  samples: Samples,
) {
  const order = round % 2 === 0 ? kinds : kinds.toReversed();
  for (const kind of order) samples[kind].push(await measure(generator, row.ours, subjects[kind], duration));
}

/** Runs all of it and prints markdown tables. `short` takes seconds and only shows that it works. */
export async function measureTrust(generator: string, short: boolean, rounds: number): Promise<void> {
  const duration = short ? { warmupMs: 100, measuredMs: 200 } : { warmupMs: 700, measuredMs: 2_000 };
  const chosen = rows.filter(({ name }) => /^(unary, 32|Session, frames of 8|Batch)/.test(name));
  const [off, on, fsync] = [
    await startServer({ quota: false, audit: "off" }),
    await startServer({ quota: true, audit: "write" }),
    await startServer({ quota: true, audit: "fsync" }),
  ];
  const subjects = { off: off.unix, on: on.unix, mTLS: on.tls, fsync: fsync.unix };
  const measured = chosen.map((row) => ({ row, samples: { off: [], on: [], mTLS: [], fsync: [] } }));
  try {
    for (let round = 0; round < rounds; round++)
      for (const { row, samples } of measured) await measureRound(generator, subjects, row, round, duration, samples);
    const disk = syncsPerSecond(fsync.folder, 32 * 512, short ? 100 : 2_000);
    console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${rounds} rounds\n`);
    for (const { row, samples } of measured) console.log(tableOf(row.name, samples));
    console.log(`The disk alone makes ${disk.toFixed(0)} groups of 32 records durable a second.`);
    await on.stop();
    await printLog(on);
  } finally {
    for (const server of [off, on, fsync]) await end(server);
  }
}

function tableOf(name: string, samples: Samples): string {
  const line = (kind: Kind) => {
    const of = (field: keyof Sample) => median(samples[kind].map((sample) => sample[field]));
    const against = (field: keyof Sample, other: Kind) =>
      median(samples[kind].map((sample, index) => sample[field] / samples[other][index]![field]));
    const percent = (ratio: number) => `${(ratio * 100).toFixed(0)} %`;
    const cells = [
      `${name}, ${kind}`,
      of("opsPerSecond").toFixed(0),
      of("p50Ms").toFixed(2),
      of("p99Ms").toFixed(2),
      of("serverCpuMicrosPerOp").toFixed(1),
      percent(against("opsPerSecond", "off")),
      percent(against("serverCpuMicrosPerOp", "on")),
    ];
    return `| ${cells.join(" | ")} |`;
  };
  const head =
    "| | ops/s | p50 ms | p99 ms | server CPU µs/op | ops/s ÷ off | CPU ÷ on |\n|---|---|---|---|---|---|---|";
  return [head, ...kinds.map(line), ""].join("\n");
}

async function printLog({ folder }: Server): Promise<void> {
  const { records, bytesPerRecord, verifiedPerSecond } = await measureLog(join(folder, "audit"));
  console.log(`${records} audit records of ${bytesPerRecord.toFixed(0)} bytes;`);
  console.log(`keybroker audit verify: ${verifiedPerSecond.toFixed(0)} records/s`);
}

async function end(server: Server): Promise<void> {
  await server.stop();
  rmSync(server.folder, { recursive: true, force: true });
}
