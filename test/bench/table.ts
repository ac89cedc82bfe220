// Medians and the markdown table.

import type { Sample } from "./load.ts";
import type { PeerSamples } from "./peers/index.ts";

/** The middle value; of two middle ones, the lower. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

const thousands = (value: number): string => `${(value / 1000).toFixed(1)}k`;

const of = (samples: readonly Sample[], field: keyof Sample): number => median(samples.map((sample) => sample[field]));

/** A row's pairs: the n-th of ours was measured right beside the n-th of the bare handler. */
export interface Pairs {
  readonly name: string;
  readonly ours: readonly Sample[];
  readonly bare: readonly Sample[];
}

/** The table's head. */
export const head = [
  "| | ops/s | p50 ms | p99 ms | server CPU µs/op | bare ops/s | bare CPU µs/op | ours ÷ bare |",
  "|---|---|---|---|---|---|---|---|",
];

/** The bare handler's cells, and the median of the ratios of each pair. */
function comparison({ ours, bare }: Pairs): string[] {
  if (bare.length === 0) return ["–", "–", "–"];
  const ratios = ours.map((sample, i) => sample.opsPerSecond / bare[i]!.opsPerSecond);
  const percent = `${(median(ratios) * 100).toFixed(0)} %`;
  return [thousands(of(bare, "opsPerSecond")), of(bare, "serverCpuMicrosPerOp").toFixed(1), percent];
}

/** A row: medians over the rounds. */
export function tableRow(pairs: Pairs): string {
  const { name, ours } = pairs;
  const cells = [
    name,
    thousands(of(ours, "opsPerSecond")),
    of(ours, "p50Ms").toFixed(3),
    of(ours, "p99Ms").toFixed(2),
    of(ours, "serverCpuMicrosPerOp").toFixed(1),
    ...comparison(pairs),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** The peers' table; empty when none was measured. */
export function peerTable(peers: readonly PeerSamples[]): string {
  if (peers.length === 0) return "";
  const row = ({ description, one, many, loadedMb }: PeerSamples) =>
    `| ${[
      description,
      one.p50Ms.toFixed(3),
      thousands(many.opsPerSecond),
      many.p99Ms.toFixed(2),
      many.serverCpuMicrosPerOp.toFixed(1),
      loadedMb.toFixed(0),
    ].join(" | ")} |`;
  const title = "| peer | p50 ms, one at a time | ops/s, 32 in flight | p99 ms | server CPU µs/op | loaded MB |";
  return [title, "|---|---|---|---|---|---|", ...peers.map(row)].join("\n");
}
