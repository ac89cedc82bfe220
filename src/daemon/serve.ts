// The daemon as a process: its signals, its words to the service manager and to people, its exit status.

import { isatty } from "node:tty";
import { isBrokerError } from "../errors/index.ts";
import { ConfigurationError, report } from "../config/index.ts";
import { provideVariable } from "../provider/index.ts";
import { ListenError } from "../server/index.ts";
import { createLog } from "../telemetry/index.ts";
import type { Log } from "../telemetry/index.ts";
import { startDaemon } from "./daemon.ts";
import type { Daemon } from "./daemon.ts";
import { takeOver } from "./handover.ts";
import { hasDaemonFlags } from "./relaunch.ts";
import { SelfCheckError } from "./self-check.ts";
import { StartError } from "./start-error.ts";
import { createServiceManager } from "./systemd.ts";
import type { ServiceManager } from "./systemd.ts";

/** What `serve` was given. */
export interface ServeOptions {
  /** A configuration file; without one, the embedded default is served. */
  readonly configFile?: string;
  /** The embedded default's state folder. */
  readonly stateDir: string;
}

const standardError = 2;

/**
 * Serves until SIGTERM or SIGINT, then drains; a second one ends the process at once. SIGHUP reloads. Answers the exit
 * status: 0 after a drain, 1 or 2 when it could not start, with the reason on standard error.
 */
export async function serve(options: ServeOptions): Promise<number> {
  takeOver(provideVariable);
  const log = createLog({ level: "info", text: isatty(standardError) });
  process.on("exit", () => log.flush());
  crashOnFaults(log);
  const manager = createServiceManager(process.env);
  const signals = listenForSignals();
  try {
    const daemon = await startDaemon({ ...options, log });
    announce(daemon, log);
    signals.onReload(() => void reload(daemon, manager));
    if (!signals.stopping()) await manager.ready(statusOf(daemon));
    log.info("draining", { signal: await signals.stop });
    await Promise.all([manager.stopping(), daemon.drain()]);
    log.info("stopped");
    return 0;
  } catch (error) {
    return refused(error, log);
  } finally {
    manager.close();
    log.flush();
  }
}

/** The process's signals, heard from the first moment: one that comes during the start counts once it is over. */
interface Signals {
  /** The first signal to stop. The second ends the process at once. */
  readonly stop: Promise<string>;
  stopping(): boolean;
  /** Calls back for every SIGHUP, also for one that came before. */
  onReload(listener: () => void): void;
}

function listenForSignals(): Signals {
  const stop = Promise.withResolvers<string>();
  let stopping = false;
  let asked = false;
  let reload = (): void => void (asked = true);
  const onStop = (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    stop.resolve(signal);
  };
  process.on("SIGTERM", onStop).on("SIGINT", onStop);
  process.on("SIGHUP", () => reload());
  return {
    stop: stop.promise,
    stopping: () => stopping,
    onReload(listener) {
      reload = listener;
      if (asked) listener();
    },
  };
}

function announce(daemon: Daemon, log: Log): void {
  for (const [listener, address] of daemon.addresses()) log.info("listening", { listener, address });
  const monitoring = daemon.monitoringAddress();
  if (monitoring !== undefined) log.info("monitoring", { address: monitoring });
  const { version, warnings } = daemon.facts();
  if (daemon.tryIt.length > 0) for (const message of warnings) log.warn("development-key", { message });
  if (!hasDaemonFlags()) {
    log.warn("not-relaunched", { message: "this system has no execve: memory is not bounded as tightly" });
  }
  log.info("ready", { version, process: process.pid });
  if (daemon.tryIt.length === 0) return;
  process.stdout.on("error", () => undefined);
  process.stdout.write(`${daemon.tryIt.join("\n")}\n`);
}

async function reload(daemon: Daemon, manager: ServiceManager): Promise<void> {
  await manager.reloading();
  await daemon.reload();
  await manager.ready(statusOf(daemon));
}

function statusOf(daemon: Daemon): string {
  const { reloadError, version } = daemon.facts();
  const where = [...daemon.addresses().values()].join(", ");
  return `keybroker ${version} on ${where}${reloadError === undefined ? "" : "; the last reload was refused"}`;
}

/** What nobody caught may hold anything: the log's allow-list says what of it is told. */
function crashOnFaults(log: Log): void {
  const crash = (error: unknown) => {
    log.error("crash", { message: "a fault of keybroker's own: please report it", error });
    log.flush();
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}

/** Tells why it did not start, for people, and answers the exit status. */
function refused(error: unknown, log: Log): number {
  // A reader that went away is no reason to crash.
  process.stderr.on("error", () => undefined);
  if (error instanceof ConfigurationError) {
    process.stderr.write(`${report(error.problems, { colour: isatty(standardError) })}\n`);
    return 2;
  }
  const told = error instanceof StartError || error instanceof ListenError || error instanceof SelfCheckError;
  if (told || isBrokerError(error)) {
    process.stderr.write(`keybroker: ${(error as Error).message}\n`);
    return error instanceof StartError ? error.exit : 1;
  }
  log.error("start-failed", { error });
  return 1;
}
