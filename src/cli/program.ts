// The command line as commander knows it. A command's file is loaded when that command is asked for: password
// commands run often, and their start counts.

import { readFileSync } from "node:fs";
import { Command, Help, type Option } from "commander";
import { Flag, type Outcome } from "./flags.ts";
import type { Io } from "./io.ts";

interface CommandFile {
  build(io: Io, outcome: Outcome): Command;
}

const commandFiles: Readonly<Record<string, () => Promise<CommandFile>>> = {
  serve: () => import("./commands/serve.ts"),
  wrap: () => import("./commands/wrap.ts"),
  unwrap: () => import("./commands/unwrap.ts"),
  generate: () => import("./commands/generate.ts"),
  rewrap: () => import("./commands/rewrap.ts"),
  check: () => import("./commands/check.ts"),
  inspect: () => import("./commands/inspect.ts"),
  get: () => import("./commands/get.ts"),
  exec: () => import("./commands/exec.ts"),
  keys: () => import("./commands/keys.ts"),
  config: () => import("./commands/config.ts"),
  doctor: () => import("./commands/doctor.ts"),
  pkcs11: () => import("./commands/pkcs11.ts"),
  grant: () => import("./commands/grant.ts"),
  audit: () => import("./commands/audit.ts"),
  policy: () => import("./commands/policy.ts"),
  stop: () => import("./commands/stop.ts"),
  resume: () => import("./commands/resume.ts"),
  status: () => import("./commands/status.ts"),
  completion: () => import("./commands/completion.ts"),
  "generate-master-key": () => import("./commands/generate-master-key.ts"),
};

const exitStatuses = `
Exit status: 0 done, 1 failed, 2 usage or configuration, 3 denied, 4 refused (envelope, context and key do not
match), 5 provider unavailable, 6 daemon not reachable, 7 over quota or overloaded.
Each flag can be given by the variable that stands behind it in brackets.`;

/** The program with one command alone, or with all of them. */
export async function buildProgram(io: Io, outcome: Outcome, only?: string): Promise<Command> {
  const program = new Command("keybroker")
    .description("Wraps and unwraps data keys: backup tools keep envelopes, and never handle a master key.")
    .version(version(), "--version", "show the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .enablePositionalOptions()
    .addHelpText("after", exitStatuses);
  const files = only !== undefined && commandFiles[only] ? [commandFiles[only]] : Object.values(commandFiles);
  for (const file of await Promise.all(files.map((load) => load()))) program.addCommand(file.build(io, outcome));
  for (const command of everyCommand(program)) prepare(command, io);
  return program;
}

/** The command that the arguments begin with; undefined where commander must know all of them. */
export function commandName([first]: readonly string[]): string | undefined {
  return first !== undefined && Object.hasOwn(commandFiles, first) ? first : undefined;
}

/** A command and all below it. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

const plainHelp = new Help();

/** A flag's help ends with its variable. */
function describe(option: Option): string {
  const text = plainHelp.optionDescription(option);
  return option instanceof Flag ? `${text} [${option.variable}]` : text;
}

/** Errors are thrown, not printed: they have one form, and a place that gives it. */
function prepare(command: Command, io: Io): void {
  command.exitOverride().helpOption("-h, --help", "show help");
  command.configureHelp({ optionDescription: describe });
  command.configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    outputError: () => undefined,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
}

function version(): string {
  // In the sources the package is two folders up, in what is published three.
  for (const place of ["../../package.json", "../../../package.json"]) {
    try {
      const { name, version: found } = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (name === "keybroker" && found !== undefined) return found;
    } catch {
      continue;
    }
  }
  return "unknown";
}
