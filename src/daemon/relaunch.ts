// The process the daemon runs in: the same one, started anew with the right flags and without secrets in its environment.

import { readFileSync } from "node:fs";
import { handoverMarker, packVariables } from "./handover.ts";
import { StartError } from "./start-error.ts";
import { forbidCores, inspectorUrl, limitCores, refuseOpeners, refuseOpenings, requireNode } from "./hardening.ts";

/** What the process must be started with, since V8 reads it only then, and node only there. */
export const daemonFlags = [
  // Half the memory under load, for a few per cent of throughput.
  "--max-semi-space-size=2",
  // The heap may grow to twice what is alive, not to four times: a third less memory under load.
  "--heap-growing-percent=100",
  // SIGUSR1 would open the inspector.
  "--disable-sigusr1",
];

/** The process that has been relaunched: execve keeps the pid, and no other process has it meanwhile. */
const relaunchedMarker = "KEYBROKER_RELAUNCHED";

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]{0,254})\}/g;

/**
 * Called first, for `serve`. Refuses what would show memory, then replaces this process's image (the pid stays) unless
 * that is not needed, has happened, or cannot. It imports next to nothing, since what it loads is thrown away.
 */
export function relaunch(args: readonly string[]): void {
  try {
    prepareProcess(args);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`keybroker: ${error.message}\n`);
    process.exit(error.exit);
  }
}

function prepareProcess(args: readonly string[]): void {
  requireNode(process.versions.node);
  refuseOpeners(process.execArgv, process.env["NODE_OPTIONS"]);
  refuseOpenings({ inspectorUrl: inspectorUrl(), report: process.report });
  forbidCores();
  const names = secretVariables(args, process.env);
  const exposed = names.some((name) => process.env[name] !== undefined);
  if ((exposed || !hasDaemonFlags()) && canReplace()) replace(names);
}

/** The variables whose values a configuration refers to, and the embedded default's. Exported for tests. */
export function secretVariables(args: readonly string[], environment: NodeJS.ProcessEnv): string[] {
  const file = configurationFile(args) ?? environment["KEYBROKER_CONFIG"];
  const named = file === undefined ? [] : [...readText(file).matchAll(reference)].map(([, name]) => name!);
  return [...new Set(["KEYBROKER_MASTER_KEY", ...named])];
}

/** Whether the process was started with what it needs. */
export function hasDaemonFlags(): boolean {
  return daemonFlags.every((flag) => process.execArgv.includes(flag));
}

/** Not twice: a variable that could not be handed over the first time stays where it is. */
function canReplace(): boolean {
  return typeof process.execve === "function" && process.env[relaunchedMarker] !== String(process.pid);
}

/** Does not return, but where the system refuses: then this process goes on as it is. */
function replace(names: readonly string[]): void {
  const environment = { ...process.env };
  const marker = packVariables(names, environment);
  if (marker !== undefined) {
    environment[handoverMarker] = marker;
    for (const name of names) delete environment[name];
  }
  environment[relaunchedMarker] = String(process.pid);
  const flags = [...new Set([...process.execArgv, ...daemonFlags])];
  const command = limitCores([process.execPath, ...flags, ...process.argv.slice(1)]);
  try {
    process.execve!(command[0]!, command, environment);
  } catch {
    // The variables are still in process.env.
  }
}

/** As the command line has it; a mistake here leaves a variable where it was, and no more. */
function configurationFile(args: readonly string[]): string | undefined {
  const at = args.findIndex((word) => word === "--config" || word.startsWith("--config="));
  if (at === -1) return undefined;
  return args[at]!.includes("=") ? args[at]!.slice("--config=".length) : args[at + 1];
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
