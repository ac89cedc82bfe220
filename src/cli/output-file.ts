// Writes a file so that it is there whole or not at all, and is on disk when the command says so.

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { CliError, usage } from "./failure.ts";

/** How a file is written. */
export interface FileOptions {
  /** Permission bits: 0600 for what is secret. */
  readonly mode: number;
  /** Owner of the file that is replaced, kept where the system allows. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly overwrite: boolean;
}

/** Refuses early, before anything is asked of the daemon, what `writeWhole` would refuse. */
export function checkTarget(path: string, overwrite: boolean): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!overwrite) throw exists(path);
  if (!found.isFile() && !found.isSymbolicLink()) throw usage(`${path} is no regular file`);
}

/**
 * Writes a file by way of a temporary one in the same folder: fsync, rename, fsync of the folder. Without `overwrite`
 * a file that is there stays as it is, also one that appears in the last moment. All of it is synchronous: a signal's
 * handler runs before or after, so no temporary file is left.
 *
 * @throws CliError 1, or 2 where the file is there already.
 */
export function writeWhole(path: string, bytes: Uint8Array, options: FileOptions): void {
  const target = options.overwrite ? resolved(path) : path;
  const temporary = join(dirname(target), `.${basename(target).slice(0, 200)}.${randomBytes(6).toString("hex")}.tmp`);
  withSignalsHeld(() => {
    try {
      writeTemporary(temporary, bytes, options);
      if (options.overwrite) renameSync(temporary, target);
      else place(temporary, target);
      syncFolder(dirname(target));
    } catch (error) {
      if (error instanceof CliError) throw error;
      throw new CliError(1, `${path} was not written: ${reasonOf(error)}`, error);
    } finally {
      rmSync(temporary, { force: true });
    }
  });
}

/** A link keeps pointing where it points: its target is what is replaced. */
function resolved(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? realpathSync(path) : path;
}

function writeTemporary(path: string, bytes: Uint8Array, { mode, owner }: FileOptions): void {
  const file = openSync(path, "wx", 0o600);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
    if (owner && process.getuid?.() === 0) fchownSync(file, owner.uid, owner.gid);
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Gives the file its name unless the name is taken: link(2) fails then, rename(2) would replace it. */
function place(temporary: string, target: string): void {
  try {
    linkSync(temporary, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw exists(target);
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
    placeWithoutLinks(temporary, target);
  }
}

/** File systems without hard links: an empty file takes the name first, so that nobody else's is replaced. */
function placeWithoutLinks(temporary: string, target: string): void {
  try {
    closeSync(openSync(target, "wx", 0o600));
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? exists(target) : error;
  }
  try {
    renameSync(temporary, target);
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Without a handler a signal would end the process in the middle; with one it is kept until the work is done. */
function withSignalsHeld(work: () => void): void {
  const held = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const ignored = held.filter((signal) => process.listenerCount(signal) === 0);
  const keep = (signal: NodeJS.Signals): void => {
    for (const name of ignored) process.removeListener(name, keep);
    process.kill(process.pid, signal);
  };
  for (const signal of ignored) process.on(signal, keep);
  try {
    work();
  } finally {
    // A signal that came meanwhile is delivered in the next poll phase, which lies between two immediates.
    setImmediate(() => setImmediate(() => ignored.forEach((signal) => process.removeListener(signal, keep))));
  }
}

function exists(path: string): CliError {
  return usage(`${path} exists already: --overwrite replaces it`);
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "its folder does not exist";
  if (code === "EACCES") return "no permission";
  if (code === "ENOSPC") return "the disk is full";
  return code ?? "unknown error";
}
