// keybroker serve: the daemon.

import type { Command } from "commander";
import { define, onRun, stateDirFlag, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { configFlag } from "./config.ts";

interface Settings {
  readonly config?: string;
  readonly stateDir: string;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [configFlag(), stateDirFlag()];
  const command = define("serve", "Run the daemon", flags, [
    "keybroker serve",
    "KEYBROKER_STATE_DIR=/var/lib/keybroker keybroker serve",
    "keybroker serve --config /etc/keybroker/config.yaml",
  ]);
  return onRun<Settings>(command, io, outcome, async ({ config, stateDir }) => {
    const { serve } = await import("../../daemon/index.ts");
    return serve({ configFile: config, stateDir });
  });
}
