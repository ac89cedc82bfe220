// Secret variables across execve: through descriptor 0, so that they are not in /proc/PID/environ afterwards.

import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { allocate, randomBytes, wipe } from "../secret/index.ts";

/** Names the file that descriptor 0 is, so that nothing else on standard input is taken for it. */
export const handoverMarker = "KEYBROKER_HANDOVER";

/** Memory, not disk, comes first. */
const folders = ["/dev/shm", "/run", "/tmp"];

const equals = 0x3d;

/**
 * Puts variables into an unlinked file of this user alone that is descriptor 0: the one that both survives execve and is
 * not needed. Answers the marker's value; undefined, with nothing changed but standard input, when there is no way.
 */
export function packVariables(names: readonly string[], environment: NodeJS.ProcessEnv): string | undefined {
  const present = names.filter((name) => environment[name] !== undefined);
  if (present.length === 0) return undefined;
  // Before descriptor 0 is free: the first random bytes open a file too.
  const file = `.keybroker-${randomBytes(12).toString("hex")}`;
  closeSync(0);
  if (!openUnlinked(file)) return void openSync("/dev/null", "r");
  for (const name of present) writeVariable(name, environment[name]!);
  const { dev, ino } = fstatSync(0);
  return `${dev}:${ino}`;
}

/** Takes over what the process before execve handed on, if this one came about so. */
export function takeOver(receive: (name: string, bytes: Buffer) => void): void {
  const marker = process.env[handoverMarker];
  delete process.env[handoverMarker];
  if (marker !== undefined) unpackVariables(marker, receive);
}

/**
 * Takes the variables of `packVariables` out of descriptor 0, overwrites the file with zeros and puts /dev/null in its
 * place. `receive` gets bytes that are wiped when it returns.
 */
function unpackVariables(marker: string, receive: (name: string, bytes: Buffer) => void): void {
  const { dev, ino, size, nlink } = fstatSync(0);
  if (`${dev}:${ino}` !== marker || nlink !== 0) return;
  const bytes = allocate(size);
  try {
    for (let at = 0, got = 1; at < size && got > 0; at += got) got = readSync(0, bytes, at, size - at, at);
    for (let start = 0; start < size;) start = receiveOne(bytes, start, receive);
  } finally {
    wipe(bytes);
    writeSync(0, bytes, 0, size, 0);
    closeSync(0);
    openSync("/dev/null", "r");
  }
}

/** An open, nameless file as descriptor 0: the lowest free one, which open(2) takes. */
function openUnlinked(name: string): boolean {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  for (const folder of folders) {
    const file = join(folder, name);
    try {
      const descriptor = openSync(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      unlinkSync(file);
      if (descriptor === 0) return true;
      closeSync(descriptor);
      return false;
    } catch {
      // Not there, or read-only: the next.
    }
  }
  return false;
}

/** NAME=value and a zero byte, which neither can hold. */
function writeVariable(name: string, value: string): void {
  const line = allocate(Buffer.byteLength(name) + Buffer.byteLength(value) + 2);
  line.write(`${name}=`, "utf8");
  line.write(value, Buffer.byteLength(name) + 1, "utf8");
  for (let at = 0; at < line.length;) at += writeSync(0, line, at);
  wipe(line);
}

function receiveOne(bytes: Buffer, start: number, receive: (name: string, bytes: Buffer) => void): number {
  const end = bytes.indexOf(0, start);
  const split = bytes.indexOf(equals, start);
  if (end === -1 || split === -1 || split > end) return bytes.length;
  receive(bytes.toString("utf8", start, split), bytes.subarray(split + 1, end));
  return end + 1;
}
