// The local file of stops: what a process knows of them when the store is away or was restored from an older copy.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { noStops, parseStops, stopsText, type StopList } from "../store/index.ts";

/** The file. */
export interface Mirror {
  /** What is in it; no stops where there is none. Throws when it cannot be read. */
  read(): StopList;
  /** What is in it, if that may be another than at the last look. Throws as `read` does. */
  readChanged(): StopList | undefined;
  /** Replaces it, on the disk when it answers. Throws what the file system throws. */
  write(list: StopList): void;
}

/** A file that is none of ours. */
class UnreadableMirror extends Error {
  override readonly name = "UnreadableMirror";
}

/** The file at a path; its folder must be there to write it. */
export function mirrorAt(file: string): Mirror {
  let seen: string | undefined;

  function read(): StopList {
    seen = signatureOf(file);
    if (seen === undefined) return noStops;
    const list = parseStops(readFileSync(file, "utf8"));
    if (list === undefined) throw new UnreadableMirror(`${file} is no list of stops`);
    return list;
  }

  return {
    read,
    readChanged: () => (signatureOf(file) === seen ? undefined : read()),
    write(list) {
      replace(file, `${stopsText(list)}\n`);
      seen = signatureOf(file);
    },
  };
}

/** Which state of the file it is; undefined where there is none. */
function signatureOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false, bigint: true });
  return found && `${found.ino}:${found.mtimeNs}:${found.size}`;
}

function replace(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`;
  const descriptor = openSync(temporary, "w", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  syncFolder(dirname(file));
}

/** The name is on the disk only once its folder is. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
