// Runs one load against one server and reads what it measured.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { program } from "../backends/daemon.ts";
import type { Load } from "./rows.ts";
import type { Subject } from "./subjects.ts";

/** One measurement. */
export interface Sample {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuMicrosPerOp: number;
  readonly clientCpuMicrosPerOp: number;
}

interface Printed {
  readonly ops: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuSeconds: number;
  readonly clientCpuSeconds: number;
}

/** How long a load runs. */
export interface Duration {
  readonly warmupMs: number;
  readonly measuredMs: number;
}

function output(command: string, args: readonly string[], timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.on("error", reject);
    child.on("close", (status) =>
      status === 0 ? resolve(text) : reject(new Error(`${command} ended with ${status}`)),
    );
  });
}

function clientCommand({ inFlight }: Load, { target, pid }: Subject, duration: Duration): string[] {
  const script = join(import.meta.dirname, "client-load.ts");
  const library = join(program, "../client/index.js");
  const numbers = [pid, inFlight, duration.warmupMs, duration.measuredMs].map(String);
  return [process.execPath, script, library, target, ...numbers];
}

function generatorCommand(generator: string, load: Load, { target, pid, flags: own = [] }: Subject): string[] {
  const flags = { mode: load.mode, target, pid, "in-flight": load.inFlight, connections: load.connections };
  return [
    generator,
    ...own,
    ...Object.entries({ ...flags, frame: load.frame ?? 1 }).map(([name, value]) => `-${name}=${value}`),
  ];
}

async function read(command: readonly string[], { warmupMs, measuredMs }: Duration): Promise<Sample> {
  const [file, ...args] = command;
  const printed = JSON.parse(await output(file!, args, warmupMs + measuredMs + 30_000)) as Printed;
  if (printed.ops === 0) throw new Error(`${command.join(" ")}: no operation was done`);
  return {
    opsPerSecond: printed.ops / printed.seconds,
    p50Ms: printed.p50Ms,
    p99Ms: printed.p99Ms,
    serverCpuMicrosPerOp: (printed.serverCpuSeconds * 1e6) / printed.ops,
    clientCpuMicrosPerOp: (printed.clientCpuSeconds * 1e6) / printed.ops,
  };
}

/** Runs the generator with these options and reads what it printed. */
export function measureCommand(command: readonly string[], duration: Duration): Promise<Sample> {
  const times = [`-warmup=${duration.warmupMs}ms`, `-duration=${duration.measuredMs}ms`];
  return read([...command, ...times], duration);
}

/** Runs the load and reads what it measured. */
export function measure(generator: string, load: Load, subject: Subject, duration: Duration): Promise<Sample> {
  if (load.mode === "client") return read(clientCommand(load, subject, duration), duration);
  return measureCommand(generatorCommand(generator, load, subject), duration);
}
