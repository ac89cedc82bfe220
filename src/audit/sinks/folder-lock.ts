// Of the processes that write into one audit folder, one alone feeds a sink.

import { hash } from "node:crypto";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, basename } from "node:path";
import { setTimeout } from "node:timers/promises";

/** A lock that is held. */
export interface FolderLock {
  release(): void;
}

const askEveryMs = 1_000;

/**
 * Waits until no other process of this machine holds the lock of a path. Undefined at the abort. The kernel takes it back when
 * the process ends, however it ends: it is the name of a socket in Linux's abstract namespace, and nothing in the file
 * system. Processes in network namespaces of their own do not see each other: then every record is sent by each.
 */
export async function folderLock(path: string, signal: AbortSignal): Promise<FolderLock | undefined> {
  while (!signal.aborted) {
    const lock = await take(nameOf(path));
    if (lock !== undefined) return lock;
    await setTimeout(askEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return undefined;
}

function nameOf(path: string): string {
  const real = join(realpathSync(dirname(path)), basename(path));
  return `\0keybroker-${hash("sha256", real, "hex").slice(0, 40)}`;
}

function take(name: string): Promise<FolderLock | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once("error", () => resolve(undefined));
    server.listen(name, () => resolve({ release: () => void server.close() }));
  });
}
