// A unix socket's path: claimed safely, opened to its callers only once its mode and owner are right, given back.

import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, renameSync, unlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:net";
import { dirname, join } from "node:path";
import { ListenError } from "./listen-error.ts";
import { ownerOf, removeOwner, writeOwner } from "./socket-owner.ts";

/** Who may open a socket. */
export interface SocketAccess {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** A claimed path. */
export interface ClaimedSocket {
  /** Sets mode and owner anew. Throws ListenError. */
  open(access: SocketAccess): void;
  /** Unlinks the path and its owner file, if the path still is this socket. */
  release(): void;
}

/** A socket's address holds 108 bytes on Linux, 104 elsewhere; the temporary name needs a few. */
export const maxSocketPathBytes = 100;

const probeTimeoutMs = 1_000;

/**
 * Makes the server listen on a unix socket at `path`. The socket is made under a temporary name and umask 0177, gets
 * its mode and owner, and only then its path: there is no moment at which a wrong caller could open it, and two
 * daemons that start at once cannot both have it. A dead socket of ours is replaced. Throws ListenError when the
 * path is too long, the folder is not safe, a live daemon has it, or something foreign stands there.
 */
export async function listenOnSocket(server: Server, path: string, access: SocketAccess): Promise<ClaimedSocket> {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new ListenError(`the socket path ${path} is over ${maxSocketPathBytes} bytes: choose a shorter one`);
  }
  prepareFolder(dirname(path), access);
  await clearPath(path);
  const temporary = temporaryPath(path);
  unlinkIfThere(temporary);
  await bind(server, temporary);
  try {
    applyAccess(temporary, access);
    publish(temporary, path);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    unlinkIfThere(temporary);
  }
  writeOwner(path);
  return claimOf(path);
}

/** Unique to this process, so that two daemons do not meet here; as short as can be. */
function temporaryPath(path: string): string {
  return join(dirname(path), `.${process.pid.toString(36)}`);
}

/** Makes a missing folder, its traversal as open as the socket; refuses one where others could swap the socket. */
function prepareFolder(folder: string, access: SocketAccess): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) {
    if (access.gid !== undefined) chownSync(folder, -1, access.gid);
    chmodSync(folder, 0o700 | (access.mode & 0o070 ? 0o010 : 0) | (access.mode & 0o007 ? 0o001 : 0));
    return;
  }
  const { uid, mode } = lstatSync(folder + "/.");
  if (uid !== 0 && uid !== process.geteuid!()) {
    throw new ListenError(`the folder ${folder} of the socket belongs to user ${uid}: use one of the daemon's own`);
  }
  if (mode & 0o022 && !(mode & 0o1000)) {
    throw new ListenError(
      `others may write to the folder ${folder} of the socket, and so replace it: chmod go-w, or use a folder of its own`,
    );
  }
}

/** Sees that nothing, or nothing living, stands at the path, and takes a dead socket away. */
async function clearPath(path: string): Promise<void> {
  const found = statIfThere(path);
  if (found === undefined) return;
  refuseForeign(path, found);
  if (await answers(path)) throw inUse(path);
  const aside = temporaryPath(path);
  renameSync(path, aside);
  if (await answers(aside)) {
    // Another daemon replaced the dead socket between our two looks: give its own back.
    linkSync(aside, path);
    unlinkIfThere(aside);
    throw inUse(path);
  }
  unlinkIfThere(aside);
}

function refuseForeign(path: string, found: Stats): void {
  if (found.isSymbolicLink()) throw new ListenError(`${path} is a symbolic link: remove it`);
  if (!found.isSocket()) throw new ListenError(`${path} is not a socket: move it away, or choose another path`);
  if (found.uid !== process.geteuid!() && found.uid !== 0) {
    throw new ListenError(`${path} is a socket of user ${found.uid}: remove it, or choose another path`);
  }
}

function inUse(path: string): ListenError {
  return new ListenError(`${path} is in use by ${ownerOf(path)}: stop it first, or choose another path`);
}

/** Whether somebody accepts connections there. A socket that may not be opened counts as living. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (living: boolean) => {
      socket.destroy();
      resolve(living);
    };
    socket.setTimeout(probeTimeoutMs, () => finish(true));
    socket.once("connect", () => finish(true));
    socket.once("error", (error: NodeJS.ErrnoException) => finish(!["ECONNREFUSED", "ENOENT"].includes(error.code!)));
  });
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const previous = process.umask(0o177);
    try {
      // Node binds before listen() returns, so no other code runs under this umask.
      server.listen(path, () => {
        server.removeListener("error", reject);
        resolve();
      });
    } finally {
      process.umask(previous);
    }
  });
}

function applyAccess(path: string, { mode, uid, gid }: SocketAccess): void {
  try {
    if (uid !== undefined || gid !== undefined) chownSync(path, uid ?? -1, gid ?? -1);
    chmodSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ListenError(
      `the socket cannot be given to uid ${uid ?? "-"}, gid ${gid ?? "-"} (${code}): ` +
        `the daemon must be a member of the group, or use a setgid folder and leave uid and gid out`,
    );
  }
}

/** Gives the finished socket its path; fails, instead of replacing, when another process was faster. */
function publish(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    refuseForeign(path, lstatSync(path));
    throw inUse(path);
  }
}

function claimOf(path: string): ClaimedSocket {
  const { dev, ino } = lstatSync(path);
  const ours = () => {
    const found = statIfThere(path);
    return found !== undefined && found.dev === dev && found.ino === ino;
  };
  return {
    open(access) {
      if (ours()) applyAccess(path, access);
    },
    release() {
      if (!ours()) return;
      unlinkIfThere(path);
      removeOwner(path);
    },
  };
}

function statIfThere(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
