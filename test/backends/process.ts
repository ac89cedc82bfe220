// A child process that does not outlive its tests, with what it said and how it ended.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { onPath } from "./available.ts";

/** How a process ended: a status, or a signal's name. */
export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child. */
export interface Child {
  readonly pid: number;
  /** All it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when it has ended and its output was read. */
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  exit(): Exit | undefined;
  signal(name: NodeJS.Signals): void;
}

export interface ChildOptions {
  readonly cwd?: string;
  /** The whole environment, nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
}

/** On Linux the kernel kills the child when we die, however we die. The pid stays the same. */
function leashed(command: readonly string[]): readonly string[] {
  const setpriv = onPath("setpriv");
  return setpriv ? [setpriv, "--pdeathsig", "KILL", "--", ...command] : command;
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

/** Starts a child with no input. */
export function startChild(command: readonly string[], options: ChildOptions): Child {
  const [program, ...args] = leashed(command);
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(program!, args, {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve((exit = { status, signal })));
  });
  exited.catch(() => undefined);
  return { pid: child.pid ?? -1, stdout, stderr, exited, exit: () => exit, signal: (name) => void child.kill(name) };
}
