// The process itself: started with next to nothing of the daemon's, and ended with it.

import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { Duplex } from "node:stream";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { ownModule } from "./own-module.ts";

/** How a process ended. */
export interface Ending {
  /** `it ended with status 1`, `it was ended by SIGSEGV`. */
  readonly words: string;
  /** The last line it wrote to standard error, for the log's cause alone. */
  readonly lastLine: string;
}

/** A provider's process. */
export interface ProviderProcess {
  readonly pid: number | undefined;
  readonly pipe: Duplex;
  /** The kernel ends it when the daemon ends, whatever it is doing then. */
  readonly leashed: boolean;
  /** Resolves when it has ended, or could not be started; never rejects. */
  readonly ended: Promise<Ending>;
  /** SIGKILL: a process in a blocked call hears no other. */
  kill(): void;
}

/** Flags: a small young generation, since a child's calls are few and short, and no inspector by SIGUSR1. */
const flags = ["--max-semi-space-size=1", "--disable-sigusr1"];

/** Where util-linux has it. Not by PATH: what is found there runs with the daemon's rights. */
const leashes = ["/usr/bin/setpriv", "/bin/setpriv"];

const passedOn = ["PATH", "LANG"];
const pipeDescriptor = 3;
const maxTailBytes = 4_096;
const maxLineLength = 300;
/** Standard error may be held open by the child's own children. */
const tailWaitMs = 200;

/** Starts a process that runs worker.ts. Nothing of the daemon's environment but PATH and LANG is in it. */
export function startProcess(
  environment: Readonly<Record<string, string>>,
  leash: string | null = findLeash() ?? null,
): ProviderProcess {
  const command = [process.execPath, ...flags, findWorker()];
  const [program, ...args] = leash === null ? command : [leash, "--pdeathsig", "KILL", "--", ...command];
  const child = spawn(program!, args, {
    env: { ...inherited(), ...environment },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const tail = tailOf(child.stderr);
  const ended = new Promise<Ending>((resolve) => {
    const end = (words: string) => resolve({ words, lastLine: tail() });
    child.on("error", (error: NodeJS.ErrnoException) => end(`it could not be started (${error.code})`));
    child.on("exit", (status, signal) => {
      const words = signal === null ? `it ended with status ${status}` : `it was ended by ${signal}`;
      child.on("close", () => end(words));
      setTimeout(end, tailWaitMs, words);
    });
  });
  // Without a descriptor to spare there are no streams at all; the error comes as an event.
  const pipe = (child.stdio as readonly unknown[] | undefined)?.[pipeDescriptor] as Duplex | undefined;
  return {
    pid: child.pid,
    pipe: pipe ?? nowhere(),
    leashed: leash !== null,
    ended,
    kill: () => void child.kill("SIGKILL"),
  };
}

/** The file that the build made of the worker's modules, where it did: 5 MB less. */
function findWorker(): string {
  const [bundle, worker] = ["worker.bundle", "worker"].map((name) => ownModule(`src/provider/child/${name}`));
  return fileURLToPath(existsSync(bundle!) ? bundle! : worker!);
}

function inherited(): Record<string, string> {
  const found = passedOn.map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function nowhere(): Duplex {
  return new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
}

/** A program that asks the kernel to kill its successor when the daemon ends. BusyBox's cannot. */
function findLeash(): string | undefined {
  return leashes.find((path) => existsSync(path) && basename(realpathSync(path)) === "setpriv");
}

/** Reads all, so that the child never waits for us, and keeps the end. Answers its last line, printable. */
function tailOf(stream: Readable | null | undefined): () => string {
  let tail = Buffer.alloc(0);
  stream?.on("error", () => undefined);
  stream?.on(
    "data",
    (chunk: Buffer) => (tail = Buffer.concat([tail, chunk.subarray(-maxTailBytes)]).subarray(-maxTailBytes)),
  );
  return () => {
    const lines = tail.toString("latin1").split("\n");
    const last = lines.map((line) => line.replace(/[^\x20-\x7e]+/g, " ").trim()).findLast((line) => line !== "");
    return (last ?? "").slice(0, maxLineLength);
  };
}
