// Measures the daemon beside a bare grpc-js handler, in one run, and prints a markdown table.
// `--short` takes seconds and shows only that the bench works; `--rounds N` repeats every pair N times (3);
// `--only TEXT` measures the rows whose name contains it; `--providers` measures what providers cost, and no more;
// `--policy` measures what many rules and identities cost, and no more; `--trust` what quota, audit and TLS cost.

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { buildGo } from "../backends/go-module.ts";
import { measure, type Duration, type Sample } from "./load.ts";
import { memoryMb } from "./proc.ts";
import { measureProviders } from "./providers/index.ts";
import { measurePeers } from "./peers/index.ts";
import { measurePolicy } from "./policy/index.ts";
import { rows, type Row } from "./rows.ts";
import { measureStarts } from "./start-up.ts";
import { startBare, startOurs, type Subject } from "./subjects.ts";
import { measureTrust } from "./trust/index.ts";
import { head, median, peerTable, tableRow, type Pairs } from "./table.ts";

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    providers: { type: "boolean", default: false },
    policy: { type: "boolean", default: false },
    trust: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds ?? (values.short ? 1 : 3));
const duration: Duration = values.short ? { warmupMs: 100, measuredMs: 200 } : { warmupMs: 700, measuredMs: 2000 };

interface Samples extends Pairs {
  readonly ours: Sample[];
  readonly bare: Sample[];
}

interface Servers {
  readonly generator: string;
  readonly ours: Subject;
  readonly bare: Subject;
}

/** Measures a pair, the one or the other first by turns: what disturbs the machine then disturbs both alike. */
async function measurePair({ generator, ours, bare }: Servers, row: Row, round: number, pairs: Samples): Promise<void> {
  const measureOurs = async () => void pairs.ours.push(await measure(generator, row.ours, ours, duration));
  const measureBare = async () => {
    if (row.bare) pairs.bare.push(await measure(generator, row.bare, bare, duration));
  };
  for (const one of round % 2 === 0 ? [measureOurs, measureBare] : [measureBare, measureOurs]) await one();
}

async function measureRows(servers: Servers): Promise<Pairs[]> {
  const chosen = rows.filter((row) => row.name.includes(values.only));
  const pairs = chosen.map((row): Samples => ({ name: row.name, ours: [], bare: [] }));
  for (let round = 0; round < rounds; round++)
    for (const [i, row] of chosen.entries()) await measurePair(servers, row, round, pairs[i]!);
  return pairs;
}

async function main(): Promise<void> {
  const generator = buildGo("load");
  if (!generator) throw new Error("the load generator is written in Go: install Go");
  if (values.policy) return measurePolicy(generator, values.short, rounds);
  if (values.trust) return measureTrust(generator, values.short, rounds);
  if (values.providers) return measureProviders(generator, values.short);
  const starts = await measureStarts(values.short ? 1 : 5);
  const servers = { generator, ours: await startOurs(), bare: await startBare() };
  try {
    const pairs = await measureRows(servers);
    console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${rounds} rounds\n`);
    console.log([...head, ...pairs.map(tableRow)].join("\n"));
    const loadedMb = memoryMb(servers.ours.pid, "VmRSS");
    const bareMb = memoryMb(servers.bare.pid, "VmRSS");
    console.log(`\nmemory idle ${median(starts.map((start) => start.idleMb)).toFixed(0)} MB, after the load`);
    console.log(`${loadedMb.toFixed(0)} MB (bare handler ${bareMb.toFixed(0)} MB);`);
    console.log(`start to first unwrap ${median(starts.map((start) => start.firstUnwrapMs)).toFixed(0)} ms`);
  } finally {
    await Promise.all([servers.ours.stop(), servers.bare.stop()]);
  }
  console.log(`\n${peerTable(await measurePeers(generator, duration))}`);
}

await main();
