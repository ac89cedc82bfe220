// The audit file itself: opened for appending alone, in a folder that nobody else can write to.

import { close, constants, fstat, open, read, stat, write, writeSync, type Stats } from "node:fs";
import { mkdir, stat as statPath } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** The name of the file in the audit folder. */
const auditFileName = "audit.jsonl";

/** An open audit file. */
export interface AuditFile {
  /** The last line has no end: a process died, or a disk filled up, while it was written. */
  readonly torn: boolean;
  /** Writes a part of the buffer and answers, or resolves to, how many bytes were taken, which may be fewer. */
  write(bytes: Buffer, offset: number, length: number): number | Promise<number>;
  /** Whether the path still names this file: it may have been removed, or moved away by a log rotation. */
  isCurrent(): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens, and creates where it is missing, the audit file of a folder. Throws errors of the file system. */
export type OpenAuditFile = (folder: string) => Promise<AuditFile>;

const openDescriptor = promisify(open);
const closeDescriptor = promisify(close);
const statDescriptor = promisify(fstat);
const readDescriptor = promisify(read);

/** Read access is for the last byte alone; O_NONBLOCK so that a pipe in the file's place is refused, not waited for. */
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The real audit file: mode 0600, in a folder that is made with 0700. */
export const openAuditFile: OpenAuditFile = async (folder) => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  refuseOthers(await statPath(folder), `the folder ${folder}`);
  const path = join(folder, auditFileName);
  const descriptor = await openDescriptor(path, flags, 0o600);
  try {
    const facts = await statDescriptor(descriptor);
    if (!facts.isFile()) throw new Error(`${path} is no regular file`);
    refuseOthers(facts, path);
    return fileOf(descriptor, path, facts, await isTorn(descriptor, facts.size));
  } catch (error) {
    await closeDescriptor(descriptor);
    throw error;
  }
};

/** Others may be let read, for log shippers; who can write can forge. */
function refuseOthers(facts: Stats, what: string): void {
  if ((facts.mode & 0o022) !== 0) throw new Error(`${what} may be written by other users: chmod go-w it`);
  const user = process.getuid?.();
  if (user !== undefined && user !== 0 && facts.uid !== user) throw new Error(`${what} belongs to another user`);
}

async function isTorn(descriptor: number, size: number): Promise<boolean> {
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  const { bytesRead } = await readDescriptor(descriptor, last, 0, 1, size - 1);
  return bytesRead === 1 && last[0] !== 0x0a;
}

/** A write that took longer was no write into memory: the disk is behind. */
const slowMs = 10;
/** As many quick writes in a row show that it has caught up. */
const caughtUp = 100;

/**
 * The system takes a write into memory in microseconds, where a turn through the thread pool would cost the calls
 * that wait for it more. A disk that is behind makes its writers wait, though: then threads wait, and nothing else.
 */
export function adaptiveWrite(
  now: () => number,
  atOnce: (...part: Part) => number,
  threaded: (...part: Part) => Promise<number>,
) {
  let quick = caughtUp;
  const note = (startedMs: number) => (quick = now() - startedMs > slowMs ? 0 : quick + 1);
  return (...part: Part): number | Promise<number> => {
    const startedMs = now();
    if (quick < caughtUp) return threaded(...part).finally(() => note(startedMs));
    const written = atOnce(...part);
    note(startedMs);
    return written;
  };
}

type Part = [bytes: Buffer, offset: number, length: number];

function fileOf(descriptor: number, path: string, { dev, ino }: Stats, torn: boolean): AuditFile {
  return {
    torn,
    write: adaptiveWrite(
      () => performance.now(),
      (bytes, offset, length) => writeSync(descriptor, bytes, offset, length, null),
      (bytes, offset, length) =>
        new Promise((resolve, reject) => {
          const done = (error: Error | null, written: number) => (error ? reject(error) : resolve(written));
          write(descriptor, bytes, offset, length, null, done);
        }),
    ),
    isCurrent() {
      return new Promise((resolve) => {
        stat(path, (error, facts) => resolve(!error && facts.dev === dev && facts.ino === ino));
      });
    },
    close: () => closeDescriptor(descriptor),
  };
}
