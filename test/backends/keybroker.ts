// The built command line, run to its end.

import { spawn } from "node:child_process";
import { program } from "./daemon.ts";

/** What a command did. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  /** The whole environment, nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  readonly input?: Uint8Array | string;
  readonly cwd?: string;
}

/** Runs a command to its end. */
export function run(command: readonly string[], options: RunOptions): Promise<Ran> {
  const [file, ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file!, args, { env: options.env, cwd: options.cwd, stdio: "pipe" });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    // A command that reads no input may end before it is written.
    child.stdin.on("error", () => undefined).end(options.input);
    child.on("close", (status) =>
      resolve({ status, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString("utf8") }),
    );
  });
}

/** Runs `keybroker ARGS`. */
export function keybroker(args: readonly string[], options: RunOptions): Promise<Ran> {
  return run([process.execPath, program, ...args], options);
}
