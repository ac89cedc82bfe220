// What `audit search` and `audit tail` do.

import { existsSync, statSync } from "node:fs";
import { once } from "node:events";
import { follow, linesOf, partsOf, type Position } from "../audit/index.ts";
import { usage } from "./failure.ts";
import type { Io } from "./io.ts";

/** What is looked for: every field that is there must be the record's. */
export interface Filters {
  readonly paths: readonly string[];
  readonly identity?: string;
  readonly key?: string;
  readonly operation?: string;
  readonly outcome?: string;
  readonly event?: string;
  readonly envelope?: string;
  readonly since?: string;
  readonly until?: string;
}

const fields = ["identity", "key", "operation", "outcome", "event", "envelope"] as const;

/** Prints the lines that match, in the order of the logs' starts. Rejects when a path is not there or cannot be read. */
export async function search(io: Io, filters: Filters): Promise<void> {
  const matches = matcher(filters);
  for (const part of (await Promise.all(filters.paths.map(filesOf))).flat()) {
    let text = "";
    await linesOf(part, (line) => (text += matches(line) ? `${line}\n` : ""));
    if (text !== "" && !io.stdout.write(text)) await once(io.stdout, "drain");
  }
}

/** Prints lines that match as they are written, those of before left out, until the process is asked to end. */
export async function tail(io: Io, filters: Filters): Promise<void> {
  const folder = filters.paths[0]!;
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw usage(`${folder} is no folder`);
  const matches = matcher(filters);
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  io.stdout.on("error", () => stopped.abort());
  for await (const line of follow(folder, await endOf(folder), stopped.signal)) {
    if (matches(line)) io.stdout.write(`${line}\n`);
  }
}

async function endOf(folder: string): Promise<Position> {
  const position: Position = new Map();
  for (const part of await partsOf(folder)) {
    const name = part.slice(part.lastIndexOf("/") + 1).replace(/\.gz$/, "");
    position.set(name, part.endsWith(".gz") ? Infinity : await linesOf(part, () => undefined));
  }
  return position;
}

async function filesOf(path: string): Promise<readonly string[]> {
  if (!existsSync(path)) throw usage(`${path} does not exist`);
  return statSync(path).isDirectory() ? await partsOf(path) : [path];
}

function matcher(filters: Filters): (line: string) => boolean {
  const wanted = fields.flatMap((field) => (filters[field] === undefined ? [] : [[field, filters[field]] as const]));
  const since = timeOf(filters.since) ?? -Infinity;
  const until = timeOf(filters.until) ?? Infinity;
  return (line) => {
    const record = parse(line);
    if (record === undefined) return false;
    const atMs = Date.parse(record["time"] ?? "");
    return atMs >= since && atMs < until && wanted.every(([field, value]) => record[field] === value);
  };
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw usage(`"${text}" is no time: write 2026-11-21 or 2026-11-21T08:00:00Z`);
  return time;
}

function parse(line: string): Readonly<Record<string, string | undefined>> | undefined {
  try {
    return JSON.parse(line) as Record<string, string>;
  } catch {
    return undefined;
  }
}
