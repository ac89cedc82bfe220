// What must not be open in a process that holds keys: inspectors, heap dumps, reports, cores.

import { closeSync, openSync, writeSync } from "node:fs";
import { StartError } from "./start-error.ts";

/** Node's flags that lay the heap, or a debugger, open to others. */
const openers = /^--(inspect|heapsnapshot-|report-|heap-prof|cpu-prof|experimental-network-inspection)/;

/** Node versions the daemon is tested on. */
const supported = (major: number) => major === 24 || major >= 26;

/** Throws StartError on a Node that the daemon was not made for. The client library takes older ones. */
export function requireNode(version: string): void {
  const major = Number(version.split(".")[0]);
  if (!supported(major)) {
    throw new StartError(`keybroker serve needs Node 24, or 26 and later; this is ${version}: install a newer Node`, 2);
  }
}

/** Throws StartError when a flag of this process, or of NODE_OPTIONS, would show its memory. */
export function refuseOpeners(flags: readonly string[], nodeOptions: string | undefined): void {
  const words = [...flags, ...(nodeOptions ?? "").split(/\s+/)].map((word) =>
    word.replace(/^["']+/, "").replaceAll("_", "-"),
  );
  const found = words.find((word) => openers.test(word));
  if (found === undefined) return;
  const flag = found.split("=", 1)[0]!;
  throw new StartError(`keybroker does not serve with ${flag}, which can show keys in its memory: take it away`, 2);
}

/** Keeps this process's memory out of core files, where the system lets us. It stays so over execve. */
export function forbidCores(file = "/proc/self/coredump_filter"): boolean {
  try {
    const descriptor = openSync(file, "r+");
    try {
      writeSync(descriptor, "0x0");
    } finally {
      closeSync(descriptor);
    }
    return true;
  } catch {
    return false;
  }
}
