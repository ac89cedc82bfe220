// How the files of logs are called: `<start>-<log>.<part>.jsonl`, `.gz` after it once compressed, and `.checkpoints`.

import { join } from "node:path";

/** A log, as its files' names tell it. */
export interface LogName {
  /** When its process started, in UTC: `20261121T110203Z`. */
  readonly start: string;
  /** 32 hex digits. */
  readonly log: string;
}

/** A file of a log. */
export interface PartName extends LogName {
  /** From 1. */
  readonly part: number;
  readonly compressed: boolean;
}

/** The name of a log that begins now. */
export function logName(now: Date, log: string): LogName {
  return { start: `${now.toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`, log };
}

/** A part's path. */
export function partPath(folder: string, { start, log }: LogName, part: number): string {
  return join(folder, `${start}-${log}.${String(part).padStart(6, "0")}.jsonl`);
}

/** The path of a log's checkpoints. */
export function checkpointsPath(folder: string, { start, log }: LogName): string {
  return join(folder, `${start}-${log}.checkpoints`);
}

/** Reads a part's file name; undefined when it is none. */
export function readPartName(file: string): PartName | undefined {
  const [, start, log, part, gz] = /^(\d{8}T\d{6}Z)-([0-9a-f]{32})\.(\d{6,})\.jsonl(\.gz)?$/.exec(file) ?? [];
  if (start === undefined || log === undefined || part === undefined) return undefined;
  return { start, log, part: Number(part), compressed: gz !== undefined };
}

/** Reads the name of a file of checkpoints; undefined when it is none. */
export function readCheckpointsName(file: string): LogName | undefined {
  const [, start, log] = /^(\d{8}T\d{6}Z)-([0-9a-f]{32})\.checkpoints$/.exec(file) ?? [];
  return start === undefined || log === undefined ? undefined : { start, log };
}
