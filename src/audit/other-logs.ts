// What other logs the folder holds, and where each ends: recorded by every new log, so that one that is gone is missed.

import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { readPartName } from "./names.ts";
import { leafHash } from "./tree.ts";

/** Where a log ends. */
export interface LogHead {
  readonly log: string;
  /** How many records it has. */
  readonly size: number;
  /** The leaf hash of the last. */
  readonly last: string;
  /** Bytes behind the last whole record: a process died while it wrote. */
  readonly torn: number;
}

/** Logs that a new one names: older ones are named by those. */
const maxHeads = 256;

/** The heads of the newest logs in a folder. A log of which no record can be read is left out. Throws errors of the file system. */
export function otherLogs(folder: string): readonly LogHead[] {
  const newest = new Map<string, { part: number; file: string }>();
  const parts = readdirSync(folder).map((file) => ({ file, name: readPartName(file) }));
  for (const { file, name } of parts.sort((a, b) => (a.file < b.file ? -1 : 1))) {
    if (name !== undefined && (newest.get(name.log)?.part ?? 0) <= name.part) {
      newest.delete(name.log);
      newest.set(name.log, { part: name.part, file });
    }
  }
  const heads = [...newest].slice(-maxHeads).map(([log, { file }]) => headOf(log, tailOf(join(folder, file))));
  return heads.filter((head) => head !== undefined);
}

/** A record has at most 64 KiB, so two of them hold a whole one and what is torn. */
const tailBytes = 131_072;

function tailOf(path: string): Buffer {
  if (path.endsWith(".gz")) return gunzipSync(readFileSync(path)).subarray(-tailBytes);
  const descriptor = openSync(path, "r");
  try {
    const { size } = fstatSync(descriptor);
    const tail = Buffer.alloc(Math.min(size, tailBytes));
    return tail.subarray(0, readSync(descriptor, tail, 0, tail.length, size - tail.length));
  } finally {
    closeSync(descriptor);
  }
}

function headOf(log: string, tail: Buffer): LogHead | undefined {
  const end = tail.lastIndexOf("\n");
  const start = end <= 0 ? 0 : tail.lastIndexOf("\n", end - 1) + 1;
  if (end === -1) return undefined;
  const line = tail.toString("utf8", start, end);
  const sequence = /^\{"log":"[0-9a-f]{32}","seq":(\d{1,15}),/.exec(line)?.[1];
  if (sequence === undefined) return undefined;
  return { log, size: Number(sequence) + 1, last: leafHash(line), torn: tail.length - end - 1 };
}
