// The file beside a unix socket that says which process has it: for people, never for a decision.

import { readFileSync, rmSync, writeFileSync } from "node:fs";

const ownerFile = (path: string) => `${path}.pid`;

/** Notes that this process has the socket. */
export function writeOwner(path: string): void {
  rmSync(ownerFile(path), { force: true });
  writeFileSync(ownerFile(path), `${process.pid}\n`, { mode: 0o644, flag: "wx" });
}

/** Takes the note away. */
export function removeOwner(path: string): void {
  rmSync(ownerFile(path), { force: true });
}

/** Who has the socket: `process 4711`, or words for not knowing. */
export function ownerOf(path: string): string {
  const pid = readPid(path);
  return pid !== undefined && isAlive(pid) ? `process ${pid}` : "a process that left no note";
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(ownerFile(path), "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
