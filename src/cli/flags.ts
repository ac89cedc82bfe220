// Flags that are variables too, and those that several commands share.

import { Command, InvalidArgumentError, Option } from "commander";
import { durationMs } from "./duration.ts";
import { CliError, usage } from "./failure.ts";
import type { Io } from "./io.ts";
import { splitPairs } from "./pairs.ts";

/** A flag whose value may come from a variable: password hooks have no room for flags. */
export class Flag extends Option {
  /** The variable. */
  readonly variable: string;
  /** The variable lists several values. */
  list = false;
  constructor(flags: string, description: string, variable?: string) {
    super(flags, description);
    this.variable = variable ?? `KEYBROKER_${this.name().toUpperCase().replaceAll("-", "_")}`;
  }

  /** The flag may be repeated; in its variable commas separate the values. */
  repeatable(): this {
    this.list = true;
    this.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value]);
    return this;
  }

  /** The value is a duration; commands get milliseconds. */
  duration(): this {
    this.argParser((value: string) => durationMs(value));
    return this;
  }
}

/** What a command does: its settings by flag name, its operands in order; a number is its exit status. */
export type Action<Settings> = (settings: Settings, operands: string[]) => Promise<number | void>;

/** What commander stores and the caller of a program reads. */
export interface Outcome {
  status: number;
}

/** Sets a command's action: flags win over variables, variables over defaults. */
export function onRun<Settings>(command: Command, io: Io, outcome: Outcome, action: Action<Settings>): Command {
  return command.action(async () => {
    const settings = { ...command.opts(), ...fromVariables(command, io) } as Settings;
    outcome.status = (await action(settings, command.args)) ?? 0;
  });
}

function fromVariables(command: Command, io: Io): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const option of command.options) {
    if (!(option instanceof Flag) || command.getOptionValueSource(option.attributeName()) === "cli") continue;
    const text = io.env[option.variable];
    if (text !== undefined && text !== "") found[option.attributeName()] = valueOf(option, text);
  }
  return found;
}

function valueOf(flag: Flag, text: string): unknown {
  try {
    if (flag.isBoolean()) return truth(text);
    if (flag.list) return splitPairs(text);
    return flag.parseArg ? flag.parseArg(text, undefined) : text;
  } catch (error) {
    if (error instanceof CliError || error instanceof InvalidArgumentError)
      throw usage(`${flag.variable}: ${error.message}`);
    throw error;
  }
}

function truth(text: string): boolean {
  const word = text.toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  if (["0", "false", "no", "off"].includes(word)) return false;
  throw usage(`"${text}" is neither true nor false`);
}

/** Whether errors are wanted as objects, known before the command line has been read. */
export function wantsJson(argv: readonly string[], io: Io): boolean {
  const end = argv.indexOf("--");
  if ((end < 0 ? argv : argv.slice(0, end)).includes("--json")) return true;
  return ["1", "true", "yes", "on"].includes((io.env["KEYBROKER_JSON"] ?? "").toLowerCase());
}

/** Settings of every command that calls the daemon. */
export interface ConnectionSettings {
  readonly address?: string;
  readonly stateDir: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly tlsKey?: string;
  readonly tokenFile?: string;
  readonly timeout: number;
  readonly wait?: number;
  readonly json?: boolean;
}

export const stateDirFlag = (): Flag =>
  new Flag("--state-dir <folder>", "the daemon's state folder").default("./.keybroker");
export const jsonFlag = (): Flag => new Flag("--json", "write objects for programs, errors too");

/** The flags of ConnectionSettings. */
export function connectionFlags(): Flag[] {
  return [
    new Flag(
      "--address <address>",
      "unix:PATH or host:port; several with commas between (default: the state folder's socket)",
    ),
    stateDirFlag(),
    new Flag("--ca <file>", "PEM: who vouches for the daemon, for host:port"),
    new Flag("--cert <file>", "PEM: this caller's certificate, for host:port"),
    new Flag("--tls-key <file>", "PEM: the certificate's private key, for host:port", "KEYBROKER_KEY"),
    new Flag("--token-file <file>", "a bearer token that says who calls, for identities with jwt"),
    new Flag("--timeout <duration>", "how long to wait for the answer").duration().default(30_000, "30s"),
    new Flag("--wait <duration>", "wait so long for a daemon that is not there yet").duration(),
    jsonFlag(),
  ];
}

export const keyFlag = (description: string): Flag => new Flag("--key <name>", description, "KEYBROKER_KEY_NAME");
export const contextFlag = (): Flag =>
  new Flag("--context <name=value>", "a pair of the context; repeat for more").repeatable().default([], "none");
export const grantFlag = (): Flag =>
  new Flag("--grant <file>", "a signed grant, where the policy asks for one and none is open");
export const outputFlag = (what: string): Flag =>
  new Flag("--output <file>", `write ${what} there instead of standard output`);
export const overwriteFlag = (): Flag => new Flag("--overwrite", "replace a file that is there already");
export const terminalFlag = (): Flag => new Flag("--force-terminal", "show a data key on a terminal");

/** Makes a command with these flags and examples. */
export function define(name: string, summary: string, flags: readonly Flag[], examples: readonly string[]): Command {
  const command = new Command(name).description(summary);
  for (const flag of flags) command.addOption(flag);
  if (examples.length > 0)
    command.addHelpText("after", ["", "Examples:", ...examples.map((line) => `  ${line}`)].join("\n"));
  return command;
}

/** The value, or a usage error that names flag and variable. */
export function required<Value>(value: Value | undefined, flag: string, variable: string): Value {
  if (value === undefined) throw usage(`${flag} is needed (or ${variable})`);
  return value;
}
