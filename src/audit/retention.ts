// What becomes of ended parts: they are compressed, and removed when they are old enough.

import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { readCheckpointsName, readPartName, type PartName } from "./names.ts";

/** Compresses an ended part: a file that a crash leaves half done has another name, and is made anew. */
export async function compress(path: string): Promise<void> {
  const half = `${path}.gz.half`;
  const { mtime, atime } = await stat(path);
  await rm(half, { force: true });
  await pipeline(
    createReadStream(path),
    createGzip(),
    createWriteStream(half, { mode: 0o600, flags: "wx", flush: true }),
  );
  await utimes(half, atime, mtime);
  await rename(half, `${path}.gz`);
  await rm(path);
}

/**
 * Removes parts that were last written before a time, but for `current`, a path; then checkpoints of logs that have no
 * part left. Answers which parts went.
 */
export async function removeOlder(folder: string, beforeMs: number, current: string): Promise<readonly PartName[]> {
  const files = await readdir(folder);
  const removed: PartName[] = [];
  const left = new Set<string>();
  for (const file of files) {
    const name = readPartName(file);
    if (name === undefined) continue;
    const path = join(folder, file);
    const old = path !== current && (await stat(path)).mtimeMs < beforeMs;
    if (!old) left.add(name.log);
    else await rm(path).then(() => removed.push(name));
  }
  for (const file of files) {
    const checkpoints = readCheckpointsName(file);
    if (checkpoints !== undefined && !left.has(checkpoints.log)) await rm(join(folder, file));
  }
  return removed;
}
