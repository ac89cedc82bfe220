// The daemon: from a configuration to a running service. What is heavy is loaded only once the process is the right one.

export { plainCommand } from "./plain-command.ts";
export { relaunch } from "./relaunch.ts";
export type { Daemon, DaemonOptions } from "./daemon.ts";
export type { ServeOptions } from "./serve.ts";

import type { Daemon, DaemonOptions } from "./daemon.ts";
import type { ServeOptions } from "./serve.ts";

/** Starts a daemon in this process, without its signals. See daemon.ts. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  return (await import("./daemon.ts")).startDaemon(options);
}

/** Runs the daemon until it is told to stop. Answers the exit status; see serve.ts. */
export async function serve(options: ServeOptions): Promise<number> {
  return (await import("./serve.ts")).serve(options);
}
