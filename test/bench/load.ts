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

function command(
  generator: string,
  load: Load,
  { target, pid }: Subject,
  { warmupMs, measuredMs }: Duration,
): string[] {
  if (load.mode === "client") {
    const script = join(import.meta.dirname, "client-load.ts");
    const library = join(program, "../client/index.js");
    return [process.execPath, script, library, target, `${pid}`, `${load.inFlight}`, `${warmupMs}`, `${measuredMs}`];
  }
  const flags = { mode: load.mode, target, pid, "in-flight": load.inFlight, connections: load.connections };
  const times = { frame: load.frame ?? 1, warmup: `${warmupMs}ms`, duration: `${measuredMs}ms` };
  return [generator, ...Object.entries({ ...flags, ...times }).map(([name, value]) => `-${name}=${value}`)];
}

/** Runs the load and reads what it printed. */
export async function measure(generator: string, load: Load, subject: Subject, duration: Duration): Promise<Sample> {
  const [file, ...args] = command(generator, load, subject, duration);
  const text = await output(file!, args, duration.warmupMs + duration.measuredMs + 30_000);
  const printed = JSON.parse(text) as Printed;
  if (printed.ops === 0) throw new Error(`${load.mode}: no operation was done`);
  return {
    opsPerSecond: printed.ops / printed.seconds,
    p50Ms: printed.p50Ms,
    p99Ms: printed.p99Ms,
    serverCpuMicrosPerOp: (printed.serverCpuSeconds * 1e6) / printed.ops,
    clientCpuMicrosPerOp: (printed.clientCpuSeconds * 1e6) / printed.ops,
  };
}
