// The daemon: from a configuration to a running service. What is heavy is loaded only once the process is the right one.

export { plainCommand } from "./plain-command.ts";
export { relaunch } from "./relaunch.ts";
export type { Daemon, DaemonOptions } from "./daemon.ts";
export type { ServeOptions } from "./serve.ts";

import { existsSync } from "node:fs";
import { useCompileCache } from "./compile-cache.ts";
import type { Daemon, DaemonOptions } from "./daemon.ts";
import type * as Serve from "./serve.ts";
import type { ServeOptions } from "./serve.ts";

/** Starts a daemon in this process, without its signals. See daemon.ts. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  return (await import("./daemon.ts")).startDaemon(options);
}

/** The embedded default's configuration as text, for commands that look at it. See embedded.ts. */
export async function embeddedText(stateDir: string): Promise<string> {
  return (await import("./embedded.ts")).prepareEmbedded(stateDir).text;
}

/** Runs the daemon until it is told to stop. Answers the exit status; see serve.ts. */
export async function serve(options: ServeOptions): Promise<number> {
  if (options.configFile === undefined) useCompileCache(options.stateDir);
  return (await program()).serve(options);
}

/** The same from the file that the build made of all modules, where it did: it loads in two thirds of the time. */
async function program(): Promise<typeof Serve> {
  const bundle = new URL("serve.bundle.js", import.meta.url);
  return existsSync(bundle) ? ((await import(bundle.href)) as typeof Serve) : await import("./serve.ts");
}
