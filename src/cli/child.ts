// Runs a program in our place: its signals, its exit status.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { CliError } from "./failure.ts";

const forwarded = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"] as const;

/**
 * Runs a program with our standard streams and exactly this environment, hands signals on to it, and answers its
 * exit status; 128 + n when signal n ended it. Throws a CliError 127 or 126, as shells do, when it cannot be started.
 */
export function runChild(program: string, argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { env, stdio: "inherit" });
    const handlers = forwarded.map((signal) => {
      const forward = (): void => {
        if (!fromTerminal(signal)) child.kill(signal);
      };
      process.on(signal, forward);
      return [signal, forward] as const;
    });
    const release = (): void => handlers.forEach(([signal, forward]) => process.removeListener(signal, forward));
    child.once("error", (error: NodeJS.ErrnoException) => {
      release();
      reject(startError(program, error));
    });
    child.once("exit", (code, signal) => {
      release();
      resolve(code ?? 128 + constants.signals[signal!]);
    });
  });
}

/** A terminal sends these to every process in its foreground: handed on, the program would get them twice. */
function fromTerminal(signal: NodeJS.Signals): boolean {
  const typed = signal === "SIGINT" || signal === "SIGQUIT" || signal === "SIGWINCH" || signal === "SIGCONT";
  return typed && (process.stdin.isTTY || process.stderr.isTTY);
}

function startError(program: string, error: NodeJS.ErrnoException): CliError {
  if (error.code === "ENOENT") return new CliError(127, `${program}: there is no such program`, error);
  return new CliError(126, `${program} cannot be run: ${error.code ?? "unknown error"}`, error);
}
