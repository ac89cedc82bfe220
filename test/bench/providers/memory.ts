// What an idle daemon with its child processes keeps in memory.

import { readFileSync } from "node:fs";
import type { Daemon } from "../../backends/daemon.ts";
import { descendants, memoryMb } from "../proc.ts";
import { end, serve } from "./serving.ts";
import type { Benches } from "./serving.ts";

/** In MB of a million bytes. */
export interface Memory {
  readonly processes: number;
  /** The daemon alone. */
  readonly daemonMb: number;
  /** The sum of the resident sets: pages that processes share count once for each. */
  readonly residentMb: number;
  /** The sum of the proportional sets: a shared page counts once. */
  readonly proportionalMb: number;
}

const settleMs = 5_000;

/** A daemon with all of these, proven and then left alone for a while. */
export async function measureMemory(benches: Benches): Promise<Memory> {
  const daemon = await serve(benches);
  try {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    return memoryOf(daemon);
  } finally {
    await end(daemon);
  }
}

function memoryOf({ pid }: Daemon): Memory {
  const pids = [pid, ...descendants(pid)];
  const sum = (read: (pid: number) => number) => pids.map(read).reduce((all, one) => all + one, 0);
  return {
    processes: pids.length,
    daemonMb: memoryMb(pid, "VmRSS"),
    residentMb: sum((one) => memoryMb(one, "VmRSS")),
    proportionalMb: sum(proportionalMb),
  };
}

function proportionalMb(pid: number): number {
  const [, kB] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))!;
  return (Number(kB) * 1024) / 1e6;
}
