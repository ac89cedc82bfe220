// The lines of a folder's logs: those that stand there, and those that come.

import { createReadStream, watch } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { createGunzip } from "node:zlib";
import { readPartName } from "./names.ts";
import { readLines } from "./read-lines.ts";

/** A folder's parts, plain and compressed, in the order of their logs' starts. */
export async function partsOf(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter((file) => readPartName(file) !== undefined);
  // A part that is being compressed stands there twice for a moment.
  const plain = new Set(files);
  const once = files.filter((file) => !file.endsWith(".gz") || !plain.has(file.slice(0, -".gz".length)));
  return once.sort().map((file) => join(folder, file));
}

/** Calls `each` with every line of a part. Resolves to how many bytes of whole lines the part has. */
export async function linesOf(part: string, each: (line: string) => void): Promise<number> {
  let bytes = 0;
  await readLines(part, ({ bytes: buffer, start, end }) => {
    bytes += end - start + 1;
    each(buffer.toString("utf8", start, end));
  });
  return bytes;
}

/** How far a follower has read: bytes by part. */
export type Position = Map<string, number>;

/** How often a folder is looked at where the system tells of no change, in milliseconds. */
const lookEveryMs = 500;
const chunkBytes = 262_144;

/**
 * Yields lines as they are written, from a position on, which is kept up to date: after a line was yielded and the next
 * is asked for, it counts as read. Parts that are not in the position are read from their start. Ends at the abort.
 */
export async function* follow(folder: string, position: Position, signal: AbortSignal): AsyncGenerator<string, void> {
  while (!signal.aborted) {
    let idle = true;
    for await (const line of newLines(folder, position)) {
      idle = false;
      yield line;
      if (signal.aborted) return;
    }
    if (idle) await change(folder, signal);
  }
}

/** The lines that stand behind a position now: one pass over the folder. The position is kept as by `follow`. */
export async function* newLines(folder: string, position: Position): AsyncGenerator<string, void> {
  for (const part of await partsOf(folder)) yield* newLinesOf(part, position);
}

async function* newLinesOf(part: string, position: Position): AsyncGenerator<string, void> {
  // What was read of a part counts for it once it is compressed, too.
  const name = basename(part).replace(/\.gz$/, "");
  if (part.endsWith(".gz")) return yield* compressedLines(part, name, position);
  const file = await open(part).catch(() => undefined);
  if (file === undefined) return;
  try {
    const chunk = Buffer.alloc(chunkBytes);
    for (;;) {
      const from = position.get(name) ?? 0;
      const { bytesRead } = await file.read(chunk, 0, chunk.length, from);
      const end = chunk.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
      if (end === 0) return;
      let read = from;
      for (const line of chunk.toString("utf8", 0, end - 1).split("\n")) {
        yield line;
        position.set(name, (read += Buffer.byteLength(line) + 1));
      }
    }
  } finally {
    await file.close();
  }
}

async function* compressedLines(part: string, name: string, position: Position): AsyncGenerator<string, void> {
  let done = position.get(name) ?? 0;
  if (done === Infinity) return;
  const file = createReadStream(part);
  const stream = file.pipe(createGunzip({ chunkSize: chunkBytes }));
  file.on("error", (error) => stream.destroy(error));
  let rest: Buffer = Buffer.alloc(0);
  let at = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
      at += end + 1 - start;
      if (at > done) {
        yield bytes.toString("utf8", start, end);
        position.set(name, (done = at));
      }
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
  position.set(name, Infinity);
}

/** Resolves when something in the folder changed, after a while in any case, or at the abort. */
function change(folder: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(folder).on("error", () => {});
    const done = () => {
      watcher.close();
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, lookEveryMs);
    watcher.once("change", done);
    signal.addEventListener("abort", done);
  });
}
