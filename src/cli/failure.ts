// How a command fails: one line on stderr that says what to do, and the documented exit status.

import { styleText } from "node:util";
import { isBrokerError } from "../errors/index.ts";
import { reasons } from "../errors/reason.ts";
import type { Io } from "./io.ts";

/** A failure that the command line found by itself. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exit: number;
  constructor(exit: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exit = exit;
  }
}

/** The user asked for what cannot be: exit status 2. */
export function usage(message: string): CliError {
  return new CliError(2, message);
}

/** A failure as it is shown. */
export interface Failure {
  readonly exit: number;
  /** One line. */
  readonly message: string;
  readonly reason?: string;
  readonly status?: string;
}

/** What to show of anything that was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CliError) return { exit: error.exit, message: oneLine(error.message) };
  if (isBrokerError(error))
    return { exit: reasons[error.reason].exit, message: oneLine(error.message), reason: error.reason };
  if (!(error instanceof Error)) return { exit: 1, message: oneLine(String(error)) };
  const { reason, status, exit } = error as { reason?: string; status?: string; exit?: number };
  // Recognised by its fields: loading the client library for an instanceof would slow every command down.
  if (error.name === "KeybrokerError") return { exit: exit ?? 1, message: oneLine(error.message), reason, status };
  return { exit: 1, message: oneLine(error.message) };
}

/** Writes a failure to stderr: a line for people, or an object for programs. */
export function report(failure: Failure, io: Io, json: boolean): void {
  if (json) {
    io.stderr.write(`${JSON.stringify({ error: failure })}\n`);
    return;
  }
  const name = "keybroker:";
  io.stderr.write(`${colour(io, "red", name)} ${failure.message}\n`);
}

/** Text in a colour, on a terminal whose user did not say NO_COLOR (https://no-color.org). */
function colour(io: Io, format: "red" | "green" | "bold", text: string): string {
  const wanted = io.stderr.isTTY === true && !io.env["NO_COLOR"] && io.env["TERM"] !== "dumb";
  return wanted ? styleText(format, text, { validateStream: false }) : text;
}

/** Messages may hold file names and a daemon's words: no line breaks, no escape sequences. */
export function oneLine(text: string): string {
  return text
    .trim()
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
