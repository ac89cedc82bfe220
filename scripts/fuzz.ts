// Fuzzes every decoder in turn: npm run fuzz -- --minutes N [--decoder NAME] [--seed N] [--keep].

import { parseArgs } from "node:util";
import { decoders } from "../test/fuzz/decoders/index.ts";
import { fuzz, type FuzzReport } from "../test/fuzz/run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    decoder: { type: "string", multiple: true },
    seed: { type: "string" },
    /** Keeps an input for each outcome that is new. */
    keep: { type: "boolean", default: false },
  },
});

const minutes = Number(values.minutes);
const unknown = values.decoder?.find((name) => decoders.every((one) => one.name !== name));
if (!(minutes > 0) || unknown !== undefined) {
  console.error(unknown === undefined ? "--minutes takes a number above 0" : `no decoder is called ${unknown}`);
  process.exit(2);
}

const chosen = decoders.filter(({ name }) => values.decoder?.includes(name) ?? true);
const endMs = Date.now() + minutes * 60_000;
/** Each gets a turn of some seconds at a time, and all of them several turns. */
const turnMs = Math.min(5_000, (minutes * 60_000) / chosen.length);
const totals = new Map(chosen.map(({ name }) => [name, { inputs: 0, outcomes: 0, kept: 0, faults: 0 }]));
let seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);

function note(name: string, { inputs, outcomes, kept, fault }: FuzzReport): void {
  const total = totals.get(name)!;
  total.inputs += inputs;
  total.outcomes = Math.max(total.outcomes, outcomes);
  total.kept += kept;
  if (fault === undefined) return;
  total.faults += 1;
  console.log(`FOUND in ${name}, kept as ${fault.file}:\n${fault.message}`);
}

console.log(`${chosen.length} decoders, ${minutes} minutes, seed ${seed}`);
for (let turn = 1; Date.now() < endMs; turn++) {
  for (const decoder of chosen) {
    const leftMs = endMs - Date.now();
    if (leftMs <= 0) break;
    // A decoder with a fault is not run again: it would find the same.
    if (totals.get(decoder.name)!.faults > 0) continue;
    const report = await fuzz(decoder, {
      seed: seed++,
      runs: 1_000_000,
      timeMs: Math.min(turnMs, leftMs),
      keepWays: values.keep,
    });
    note(decoder.name, report);
    const left = Math.max(0, Math.ceil((endMs - Date.now()) / 1_000));
    console.log(`turn ${turn}  ${decoder.name.padEnd(14)} ${String(report.inputs).padStart(8)} inputs  ${left} s left`);
  }
  if ([...totals.values()].every(({ faults }) => faults > 0)) break;
}

console.table(Object.fromEntries(totals));
process.exitCode = [...totals.values()].some(({ faults }) => faults > 0) ? 1 : 0;
