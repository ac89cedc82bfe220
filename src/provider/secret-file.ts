// Reads a secret from a file through a buffer of its own: fs.readFile may use memory that other code shares.

import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { BrokerError } from "../errors/index.ts";
import { accessFault, allocate, copy, wipe } from "../secret/index.ts";

/** The largest secret file, in bytes. */
const maxSecretBytes = 65_536;

/**
 * The file's bytes, in a buffer of its own that the caller wipes. Throws REQUEST_INVALID, naming the file, when it
 * cannot be read, has more than 64 KiB, belongs to another user than root or this one, or is open to others.
 */
export function readSecretFile(path: string): Buffer {
  const room = allocate(maxSecretBytes + 1);
  try {
    const length = fill(path, room);
    if (length > maxSecretBytes) throw refused(path, "has more than 64 KiB");
    return copy(room.subarray(0, length));
  } finally {
    wipe(room);
  }
}

/** The file's facts. Throws REQUEST_INVALID, naming the file, when it is not there or is a folder. */
export function statSecretFile(path: string): BigIntStats {
  const found = attempt(path, () => statSync(path, { bigint: true, throwIfNoEntry: false }));
  if (!found) throw refused(path, "is not there");
  if (found.isDirectory()) throw refused(path, "is a folder");
  return found;
}

function fill(path: string, room: Buffer): number {
  const file = attempt(path, () => openSync(path, "r"));
  try {
    // Of what is open, not of what the path names by then.
    const fault = accessFault(
      attempt(path, () => fstatSync(file)),
      "secret",
    );
    if (fault !== undefined) throw refused(path, fault);
    let length = 0;
    for (;;) {
      const read = attempt(path, () => readSync(file, room, length, room.length - length, null));
      length += read;
      if (read === 0 || length === room.length) return length;
    }
  } finally {
    closeSync(file);
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw refused(path, `cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`, error);
  }
}

function refused(path: string, what: string, cause?: unknown): BrokerError {
  return new BrokerError("REQUEST_INVALID", `the file ${path} ${what}`, { cause });
}
