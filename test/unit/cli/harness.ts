// Runs commands in this process, with streams in memory and a folder of their own.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { runCli, type Io } from "../../../src/cli/index.ts";

/** How a command is run. */
export interface Run {
  readonly stdin?: Uint8Array | string;
  readonly env?: Record<string, string>;
  /** Which streams are terminals. */
  readonly terminals?: readonly ("stdin" | "stdout" | "stderr")[];
}

/** What came of it. */
export interface Ran {
  readonly exit: number;
  readonly stdout: Buffer;
  readonly text: string;
  readonly stderr: string;
}

/** Runs a command. */
export async function cli(argv: readonly string[], { stdin = "", env = {}, terminals = [] }: Run = {}): Promise<Ran> {
  const [out, err] = [sink(), sink()];
  const io = {
    env,
    stdin: Object.assign(Readable.from(stdin.length > 0 ? [Buffer.from(stdin)] : []), {
      isTTY: terminals.includes("stdin"),
    }),
    stdout: Object.assign(out.stream, { isTTY: terminals.includes("stdout") }),
    stderr: Object.assign(err.stream, { isTTY: terminals.includes("stderr") }),
  } satisfies Io;
  const exit = await runCli(argv, io);
  const stdout = out.bytes();
  return { exit, stdout, text: stdout.toString(), stderr: err.bytes().toString() };
}

function sink(): { stream: Writable; bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk)); // A copy: the command wipes what it wrote.
      done();
    },
  });
  return { stream, bytes: () => Buffer.concat(chunks) };
}

/** A folder that goes away with `remove`. */
export interface Folder {
  readonly path: string;
  /** A path in it. */
  at(name: string): string;
  /** Names of what is in it. */
  names(): string[];
  remove(): void;
}

export function folder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "kb-cli-"));
  return {
    path,
    at: (name) => join(path, name),
    names: () => readdirSync(path).sort(),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
