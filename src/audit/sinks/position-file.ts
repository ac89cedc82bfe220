// How far a sink has got, kept in a file, so that a restart neither loses records nor sends them all again.

import { open, readFile, rename } from "node:fs/promises";
import type { Position } from "../follow.ts";

/** A part of which everything was sent. */
const whole = "all";

/** Reads a position. A file that is missing, or is none of ours, is the beginning. Rejects when it cannot be read. */
export async function readPosition(path: string): Promise<Position> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  return decodePosition(text);
}

/** Reads a position's text. What is no position is the beginning: to send twice is better than not at all. */
export function decodePosition(text: string): Position {
  const position: Position = new Map();
  for (const [name, bytes] of Object.entries(parse(text))) {
    if (bytes === whole) position.set(name, Infinity);
    else if (Number.isSafeInteger(bytes) && (bytes as number) >= 0) position.set(name, bytes as number);
  }
  return position;
}

/** Writes a position beside the file and puts it in its place: a reader finds the old one or the new one. */
export async function writePosition(path: string, position: Position): Promise<void> {
  const entries = [...position].map(([name, bytes]) => [name, bytes === Infinity ? whole : bytes]);
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(Object.fromEntries(entries))}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
