// Measures what providers cost: an HSM in strict mode, a hanging library, memory with all of them, and with env alone.

import { cpus } from "node:os";
import { softhsmLibrary } from "../../backends/softhsm.ts";
import { loadSubjects } from "../../faults/subjects.ts";
import type { FaultBench } from "../../faults/subject.ts";
import { measureCommand } from "../load.ts";
import { measureStarts } from "../start-up.ts";
import { median } from "../table.ts";
import { measureHang } from "./hang.ts";
import { measureMemory } from "./memory.ts";
import { end, serve } from "./serving.ts";
import type { Benches } from "./serving.ts";

type Row = readonly [what: string, measured: string, reach: string];

/** Runs all of it and prints a markdown table. `short` takes seconds and only shows that it works. */
export async function measureProviders(generator: string, short: boolean): Promise<void> {
  const { here, missing } = await loadSubjects();
  const benches: Record<string, FaultBench> = {};
  try {
    for (const { kind, start } of here) if (kind !== "remote") benches[kind] = plain(await start());
    const rows = [
      ...(benches["pkcs11"] ? await hsmRows(generator, benches, short) : []),
      ...(await memoryRows(benches)),
      ...(await startRows(short)),
    ];
    console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}\n`);
    console.log(["| | measured | reach |", "|---|---|---|", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n"));
    if (missing.length > 0) console.log(`\nnot here: ${missing.join(", ")}`);
  } finally {
    for (const bench of Object.values(benches)) await bench.stop();
  }
}

/** Without the library that plays an HSM's faults: it writes every call down. */
function plain(bench: FaultBench): FaultBench {
  if (bench.provider["kind"] !== "pkcs11") return bench;
  return { ...bench, provider: { ...bench.provider, library: softhsmLibrary() } };
}

async function hsmRows(generator: string, benches: Benches, short: boolean): Promise<Row[]> {
  const daemon = await serve({ default: benches["pkcs11"]! });
  const flags = ["-mode=unary", `-target=${daemon.address}`, `-pid=${daemon.pid}`, "-in-flight=32", "-connections=4"];
  const duration = { warmupMs: short ? 100 : 1_000, measuredMs: short ? 300 : 5_000 };
  const rates = [];
  try {
    for (let round = 0; round < (short ? 1 : 3); round++)
      rates.push(await measureCommand([generator, ...flags], duration));
  } finally {
    await end(daemon);
  }
  const rate = median(rates.map(({ opsPerSecond }) => opsPerSecond));
  const p99 = median(rates.map(({ p99Ms }) => p99Ms));
  const { quiet, hanging, hung } = await measureHang(generator, benches, short ? 500 : 10_000);
  return [
    ["SoftHSM, strict, 32 in flight", `${rate.toFixed(0)} unwraps/s, p99 ${p99.toFixed(1)} ms`, "≥ 2,000 unwraps/s"],
    [
      `longest delay of the event loop while ${hung} PKCS#11 calls hang`,
      `${hanging.longestDelayMs.toFixed(1)} ms (without: ${quiet.longestDelayMs.toFixed(1)} ms)`,
      "≤ 20 ms",
    ],
    [
      "p99 of another provider's calls meanwhile",
      `${hanging.calls.p99Ms.toFixed(2)} ms (without: ${quiet.calls.p99Ms.toFixed(2)} ms)`,
      "kept",
    ],
  ];
}

async function memoryRows(benches: Benches): Promise<Row[]> {
  const names = Object.keys(benches);
  const { processes, daemonMb, residentMb, proportionalMb } = await measureMemory(benches);
  const measured = `${residentMb.toFixed(0)} MB resident, ${proportionalMb.toFixed(0)} MB proportional`;
  return [
    [
      `idle memory with ${names.join(", ")}, ${processes} processes`,
      `${measured}; the daemon alone ${daemonMb.toFixed(0)} MB`,
      "≤ 250 MB",
    ],
  ];
}

async function startRows(short: boolean): Promise<Row[]> {
  const starts = await measureStarts(short ? 1 : 7);
  return [
    [
      "env alone: start to first unwrap",
      `${median(starts.map((start) => start.firstUnwrapMs)).toFixed(0)} ms`,
      "≤ 250 ms",
    ],
    ["env alone: idle memory", `${median(starts.map((start) => start.idleMb)).toFixed(0)} MB`, "≤ 90 MB"],
  ];
}
