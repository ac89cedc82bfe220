// The command line: arguments in, exit status out.

import { CommanderError } from "commander";
import { CliError, failureOf, report } from "./failure.ts";
import { wantsJson, type Outcome } from "./flags.ts";
import type { Io } from "./io.ts";
import { buildProgram, commandName } from "./program.ts";

export type { Io } from "./io.ts";

/**
 * Runs a command and answers its exit status. It never throws, and prints at most one line (or with --json one
 * object) about a failure.
 *
 * @param argv The arguments after the program's name.
 */
export async function runCli(argv: readonly string[], io: Io = process): Promise<number> {
  const outcome: Outcome = { status: 0 };
  // A reader that goes away is told by the write that fails; without a listener it would end the process.
  for (const stream of [io.stdout, io.stderr]) stream.on("error", () => undefined);
  try {
    const program = await buildProgram(io, outcome, commandName(argv));
    await program.parseAsync(argv, { from: "user" });
    return outcome.status;
  } catch (error) {
    const shown = error instanceof CommanderError ? usageOf(error) : error;
    if (shown === undefined) return 0;
    const failure = failureOf(shown);
    report(failure, io, wantsJson(argv, io));
    return failure.exit;
  }
}

/** Commander's complaint in our words; undefined where help or the version was asked for. */
function usageOf(error: CommanderError): CliError | undefined {
  if (error.exitCode === 0) return undefined;
  // `keybroker` alone prints the help and is wrong usage all the same.
  const message = error.code === "commander.help" ? "name a command" : error.message.replace(/^error: /, "");
  return new CliError(2, `${message} (--help shows how)`);
}
