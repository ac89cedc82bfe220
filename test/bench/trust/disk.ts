// What the disk itself can do: the yardstick for `durability: fsync`.

import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** How often a second so many bytes can be written and made durable, one after the other, in this folder. */
export function syncsPerSecond(folder: string, bytes: number, forMs: number): number {
  const file = join(folder, "sync");
  const descriptor = openSync(file, "w");
  const block = Buffer.alloc(bytes, 0x61);
  const startedMs = performance.now();
  let count = 0;
  while (performance.now() - startedMs < forMs) {
    writeSync(descriptor, block);
    fdatasyncSync(descriptor);
    count++;
  }
  closeSync(descriptor);
  rmSync(file);
  return (count * 1_000) / (performance.now() - startedMs);
}
