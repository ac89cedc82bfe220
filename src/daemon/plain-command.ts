// The command lines that a service manager starts the daemon with, read without the command line's library.

import type { ServeOptions } from "./serve.ts";

/**
 * What `serve` or `serve --config FILE` asks for, with their variables; undefined for anything else, which must be read
 * in full. It answers as the command does: flags win over variables, and an empty variable is none.
 */
export function plainCommand(args: readonly string[], environment: NodeJS.ProcessEnv): ServeOptions | undefined {
  const [command, flag, file, ...rest] = args;
  if (command !== "serve" || rest.length > 0) return undefined;
  const stateDir = environment["KEYBROKER_STATE_DIR"] || "./.keybroker";
  if (flag === undefined) return { configFile: environment["KEYBROKER_CONFIG"] || undefined, stateDir };
  return flag === "--config" && file !== undefined ? { configFile: file, stateDir } : undefined;
}
