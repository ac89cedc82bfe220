// What a folder holds that a sink has not sent: lines of records, and checkpoints as lines of their own.

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { newLines, partsOf, type Position } from "../follow.ts";
import { readCheckpointsName } from "../names.ts";
import type { Item } from "./sink.ts";

/**
 * Yields every item behind a position, records before checkpoints. An item counts in the position once the next one is
 * asked for.
 */
export async function* pendingItems(folder: string, position: Position): AsyncGenerator<Item, void> {
  for await (const line of newLines(folder, position)) yield { line, fields: fieldsOf(line) };
  for (const file of (await readdir(folder)).sort()) {
    const name = readCheckpointsName(file);
    if (name !== undefined) yield* checkpointsOf(join(folder, file), name.log, position);
  }
}

async function* checkpointsOf(path: string, log: string, position: Position): AsyncGenerator<Item, void> {
  const file = basename(path);
  const done = position.get(file) ?? 0;
  const size = await stat(path).then(
    (facts) => facts.size,
    () => 0,
  );
  if (size <= done) return;
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  let at = done;
  // A note ends with its signature's line, and an empty line parts it from the next.
  for (const note of bytes.toString("utf8", done).split(/(?<=\n— [^\n]*\n)\n/)) {
    if (!/\n— [^\n]*\n$/.test(note)) return;
    yield checkpointItem(note, log);
    position.set(file, (at += Buffer.byteLength(note) + 1));
  }
}

/** A checkpoint as a line that looks like a record's: with its note whole, for `audit verify --checkpoint`. */
function checkpointItem(note: string, log: string): Item {
  const [, size, , time] = note.split("\n");
  const fields = { log, time: time?.replace(/^time /, ""), event: "checkpoint", size: Number(size), note };
  return { line: JSON.stringify(fields), fields };
}

/** Bytes of records that are behind a position; and forgets of it what is no longer in the folder. */
export async function measureLag(folder: string, position: Position): Promise<number> {
  const parts = await partsOf(folder);
  const present = new Set([...parts.map((part) => basename(part).replace(/\.gz$/, "")), ...(await readdir(folder))]);
  for (const name of position.keys()) if (!present.has(name)) position.delete(name);
  const sizes = parts.map(async (part) => {
    const size = await stat(part).then(
      (facts) => facts.size,
      () => 0,
    );
    return Math.max(0, size - (position.get(basename(part).replace(/\.gz$/, "")) ?? 0));
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
