// How long from starting the process to its first unwrap, of an envelope that an earlier process made.

import { rmSync } from "node:fs";
import { join } from "node:path";
import type * as Library from "../../src/client/index.ts";
import { program, accepts, daemonFolder, spawnDaemon, startDaemon } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";
import { memoryMb } from "./proc.ts";

async function library(): Promise<typeof Library> {
  return (await import(join(program, "../client/index.js"))) as typeof Library;
}

/** One start: milliseconds to the first unwrap, and memory (MB) a second later. */
export interface Start {
  readonly firstUnwrapMs: number;
  readonly idleMb: number;
}

async function firstUnwrap(folder: string, envelope: Uint8Array): Promise<Start> {
  const { createClient } = await library();
  const socket = join(folder, "state/keybroker.sock");
  const startedMs = performance.now();
  const daemon = spawnDaemon({ folder });
  while (!(await accepts(socket))) {
    if (daemon.exit()) throw new Error(daemon.stderr());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const client = createClient({ address: `unix:${socket}` });
  await client.unwrap({ envelope, key: "default" });
  const firstUnwrapMs = performance.now() - startedMs;
  client.close();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const idleMb = memoryMb(daemon.pid, "VmRSS");
  daemon.signal("SIGTERM");
  await until("the daemon's end", () => daemon.exit());
  return { firstUnwrapMs, idleMb };
}

/** Starts the daemon so many times over one state folder. */
export async function measureStarts(count: number): Promise<Start[]> {
  const { createClient } = await library();
  const folder = daemonFolder();
  try {
    const first = await startDaemon({ folder });
    const client = createClient({ address: first.address });
    const { envelope } = await client.wrap({ key: "default", plaintext: new Uint8Array(32).fill(7) });
    client.close();
    await first.stop();
    const starts: Start[] = [];
    for (let i = 0; i < count; i++) starts.push(await firstUnwrap(folder, envelope));
    return starts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
