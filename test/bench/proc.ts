// What Linux says of a process.

import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in hundredths of a second here. */
const ticksPerSecond = 100;

/** CPU time of a process with all its threads, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command's name, in parentheses, may hold spaces: count the fields after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Memory a process holds (`VmRSS`) or held at most (`VmHWM`), in MB of a million bytes. */
export function memoryMb(pid: number, field: "VmRSS" | "VmHWM"): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m"));
  return (Number(line?.[1]) * 1024) / 1e6;
}

/** Processes that this one started, and those that they started. */
export function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8");
    return text.split(" ").filter(Boolean).map(Number);
  });
  return children.flatMap((child) => [child, ...descendants(child)]);
}
