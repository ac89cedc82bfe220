// What must not be open in a process that holds keys: inspectors, heap dumps, reports, key logs, cores.

import { accessSync, closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { StartError } from "./start-error.ts";

/** Node's flags that lay the heap, a debugger or a connection's keys open to others, or that make a core. */
const openers = new RegExp(
  "^--(" +
    [
      "inspect|allow-inspector|debug-port|experimental-(network|storage|worker)-inspection|experimental-inspector-",
      "heapsnapshot-|heap-prof|cpu-prof|prof$|prof-|ll-prof|perf-|track-heap-objects|experimental-report|report-",
      "tls-keylog|trace-tls|trace-env-js-stack|abort-on-uncaught-exception|expose-memory-corruption-api",
      "(experimental-(default-)?)?config-file",
    ].join("|") +
    ")",
);

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
  const words = [...flags, ...optionWords(nodeOptions ?? "")].map((word) => word.replaceAll("_", "-"));
  const found = words.find((word) => openers.test(word));
  if (found !== undefined) throw refusal(found.split("=", 1)[0]!);
}

/** What of Node, however it came to it, would show memory: read once the process runs. */
export interface Openings {
  /** Where an inspector listens. */
  readonly inspectorUrl: string | undefined;
  readonly report:
    Pick<NodeJS.ProcessReport, "reportOnFatalError" | "reportOnSignal" | "reportOnUncaughtException"> | undefined;
}

/** Throws StartError where an inspector listens or reports are on, whichever file or flag turned them on. */
export function refuseOpenings({ inspectorUrl, report }: Openings): void {
  if (inspectorUrl !== undefined) throw refusal("an open inspector");
  if (report?.reportOnFatalError || report?.reportOnSignal || report?.reportOnUncaughtException) {
    throw refusal("diagnostic reports");
  }
}

/** Where an inspector of this process listens; undefined also for a Node that was built without. */
export function inspectorUrl(): string | undefined {
  try {
    return process.getBuiltinModule("node:inspector").url();
  } catch {
    return undefined;
  }
}

function refusal(what: string): StartError {
  return new StartError(`keybroker does not serve with ${what}, which can show keys in its memory: take it away`, 2);
}

/** NODE_OPTIONS as Node splits it: at spaces outside of double quotes, in which a backslash takes the next character. */
function optionWords(text: string): string[] {
  const words = [""];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') quoted = !quoted;
    else if (!quoted && /\s/.test(character)) words.push("");
    else words[words.length - 1] += quoted && character === "\\" ? (text[++at] ?? "") : character;
  }
  return words;
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

/** The words that start a command under a limit: `ulimit` lowers for good, and a shell that may not goes on without. */
const withoutCores = ["/bin/sh", "-c", 'ulimit -c 0; exec "$0" "$@"'] as const;

/**
 * The command with its core files limited to 0 bytes, hard, or as it is where they are already or there is no shell:
 * Node cannot set a limit of its own process, so that the one way is through the execve that follows anyway.
 */
export function limitCores(command: readonly string[], limits = readLimits()): readonly string[] {
  const limited = /^Max core file size\s+0\s+0\s/m.test(limits);
  return limited || !canRun(withoutCores[0]) ? command : [...withoutCores, ...command];
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
