// One file of a log: made for this process alone, written at its end, and cut back to its last whole record.

import { close, constants, fdatasync, ftruncate, open, stat, write, writeSync, fstat, type Stats } from "node:fs";
import { mkdir, stat as statPath } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

/** An open part of a log. One call at a time. */
export interface Part {
  /** Writes a part of the buffer at the end and answers, or resolves to, how many bytes were taken, which may be fewer. */
  write(bytes: Buffer, offset: number, length: number): number | Promise<number>;
  /** Cuts it to a size in bytes. */
  truncate(size: number): Promise<void>;
  /** Resolves when what was written is on the disk. */
  sync(): Promise<void>;
  /** Whether its path still names it: it may have been removed or replaced. */
  isCurrent(): Promise<boolean>;
  close(): Promise<void>;
}

/** Makes a part; its folder too where it is missing. Throws errors of the file system: also when the path is taken. */
export type OpenPart = (path: string) => Promise<Part>;

const openDescriptor = promisify(open);
const closeDescriptor = promisify(close);
const statDescriptor = promisify(fstat);
const truncateDescriptor = promisify(ftruncate);
const syncDescriptor = promisify(fdatasync);

const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A real file: mode 0600, in a folder that is made with 0700. */
export const openPart: OpenPart = async (path) => {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  refuseOthers(await statPath(folder), `the folder ${folder}`);
  const descriptor = await openDescriptor(path, flags, 0o600);
  try {
    return partOf(descriptor, path, await statDescriptor(descriptor));
  } catch (error) {
    await closeDescriptor(descriptor);
    throw error;
  }
};

/** Others may be let read, for log shippers; who can write can forge. */
export function refuseOthers(facts: Stats, what: string): void {
  if ((facts.mode & 0o022) !== 0) throw new Error(`${what} may be written by other users: chmod go-w it`);
  const user = process.getuid?.();
  if (user !== undefined && facts.uid !== user && facts.uid !== 0) throw new Error(`${what} belongs to another user`);
}

function partOf(descriptor: number, path: string, { dev, ino }: Stats): Part {
  return {
    write: adaptiveWrite(
      () => performance.now(),
      (bytes, offset, length) => writeSync(descriptor, bytes, offset, length, null),
      (bytes, offset, length) =>
        new Promise((resolve, reject) => {
          const done = (error: Error | null, written: number) => (error ? reject(error) : resolve(written));
          write(descriptor, bytes, offset, length, null, done);
        }),
    ),
    truncate: (size) => truncateDescriptor(descriptor, size),
    sync: () => syncDescriptor(descriptor),
    isCurrent() {
      return new Promise((resolve) => {
        stat(path, (error, facts) => resolve(!error && facts.dev === dev && facts.ino === ino));
      });
    },
    close: () => closeDescriptor(descriptor),
  };
}

/** A write that took longer was no write into memory: the disk is behind. */
const slowMs = 10;
/** As many quick writes in a row show that it has caught up. */
const caughtUp = 100;

type Slice = [bytes: Buffer, offset: number, length: number];

/**
 * The system takes a write into memory in microseconds, where a turn through the thread pool would cost the calls
 * that wait for it more. A disk that is behind makes its writers wait, though: then threads wait, and nothing else.
 */
export function adaptiveWrite(
  now: () => number,
  atOnce: (...slice: Slice) => number,
  threaded: (...slice: Slice) => Promise<number>,
) {
  let quick = caughtUp;
  const note = (startedMs: number) => (quick = now() - startedMs > slowMs ? 0 : quick + 1);
  return (...slice: Slice): number | Promise<number> => {
    const startedMs = now();
    if (quick < caughtUp) return threaded(...slice).finally(() => note(startedMs));
    const written = atOnce(...slice);
    note(startedMs);
    return written;
  };
}
