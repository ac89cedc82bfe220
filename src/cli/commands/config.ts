// keybroker config check: everything that is wrong with a configuration, before a daemon reads it.

import type { Command } from "commander";
import { define, Flag, jsonFlag, onRun, type Outcome } from "../flags.ts";
import { CliError, usage } from "../failure.ts";
import { write, type Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";

interface Settings {
  readonly config?: string;
  readonly json?: boolean;
}

export const configFlag = (): Flag => new Flag("--config <file>", "the configuration");

export function build(io: Io, outcome: Outcome): Command {
  const config = define("config", "The daemon's configuration", [], []);
  const check = define(
    "check",
    "Check a configuration; every problem with its line",
    [configFlag(), jsonFlag()],
    ["keybroker config check /etc/keybroker/config.yaml", "keybroker config check --json config.yaml"],
  ).argument("[file]", "the configuration, in place of --config");
  onRun<Settings>(check, io, outcome, async (settings, [operand]) => {
    const file = operand ?? settings.config;
    if (file === undefined) throw usage("name the file to check (or --config, KEYBROKER_CONFIG)");
    return checkFile(io, file, settings.json ?? false);
  });
  return config.addCommand(check);
}

async function checkFile(io: Io, file: string, json: boolean): Promise<number> {
  const { ConfigurationError, loadConfiguration, report } = await import("../../config/index.ts");
  const colour = io.stderr.isTTY === true && !io.env["NO_COLOR"];
  try {
    const { configuration, warnings } = await loadConfiguration(file, { access: "warn" });
    if (json) await emitJson(io, { ok: true, digest: configuration.digest, warnings });
    else {
      if (warnings.length > 0) await write(io.stderr, `${report(warnings, { colour })}\n`);
      await emit(io, `${file}: ok, ${configuration.keys.size} keys, digest ${configuration.digest.slice(0, 12)}\n`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (json) await emitJson(io, { ok: false, problems: error.problems });
    else await write(io.stderr, `${report(error.problems, { colour, limit: Infinity })}\n`);
    if (json) return 2;
    const { length } = error.problems;
    throw new CliError(2, `${file}: ${length === 1 ? "one problem" : `${length} problems`}, none of it in force`);
  }
}
