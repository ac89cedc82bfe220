// What everyone on a Linux machine, or its operators, can read of processes.

import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Whether there is a /proc to read. */
export const hasProc = existsSync("/proc/self/environ");

/** A file, or nothing when the process has ended meanwhile. */
export function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** The arguments of every process, one after the other. */
export function allArguments(): Buffer {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return Buffer.concat(pids.map((pid) => readIfThere(`/proc/${pid}/cmdline`)));
}

/** The environment of every process but this one, which makes the secrets. */
export function allEnvironments(): Buffer {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return Buffer.concat(pids.map((pid) => readIfThere(`/proc/${pid}/environ`)));
}
