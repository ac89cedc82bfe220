// What is measured: the daemon as users start it, and the bare handler with the same Node flags.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { daemonFlags } from "../../src/daemon/relaunch.ts";
import { accepts, daemonFolder, startDaemon } from "../backends/daemon.ts";
import { startChild } from "../backends/process.ts";
import { until } from "../backends/until.ts";

/** A running server. */
export interface Subject {
  readonly pid: number;
  readonly target: string;
  /** For the generator: how to get in. */
  readonly flags?: readonly string[];
  stop(): Promise<unknown>;
}

/** `node dist/src/main.js serve` on the embedded default: policy, audit file and metrics are on. */
export async function startOurs(): Promise<Subject> {
  const daemon = await startDaemon();
  return { pid: daemon.pid, target: daemon.address, stop: () => daemon.stop() };
}

/** The bare grpc-js handler, with the flags that the daemon gives itself. */
export async function startBare(): Promise<Subject> {
  const folder = daemonFolder();
  const socket = join(folder, "bare.sock");
  const server = join(import.meta.dirname, "bare-server.ts");
  const child = startChild([process.execPath, ...daemonFlags, server, `unix:${socket}`], {
    env: { PATH: process.env["PATH"] },
  });
  await until("the bare handler", async () => {
    if (child.exit()) throw new Error(`the bare handler ended:\n${child.stderr()}`);
    return (await accepts(socket)) ? true : undefined;
  });
  return {
    pid: child.pid,
    target: `unix:${socket}`,
    async stop() {
      child.signal("SIGTERM");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
