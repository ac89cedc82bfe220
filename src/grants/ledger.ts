// Uses of grants in files of this machine: what holds them to their limit while the store is away.

import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { GrantUse } from "../store/index.ts";

/** A file for each grant. Methods reject with what the system says where a file cannot be read or written. */
export interface Ledger {
  /** Charges an envelope's fingerprint to a grant. On the disk when it answers. */
  use(id: string, envelope: string, maxUnwraps: number, untilMs: number): Promise<GrantUse>;
  /** The fingerprints that were charged here, and whether the grant was revoked. */
  uses(id: string): Promise<{ readonly envelopes: readonly string[]; readonly revoked: boolean }>;
  revoke(id: string, untilMs: number): Promise<void>;
  /** Removes files of grants that ended a month before. */
  forget(nowMs: number): Promise<void>;
}

const keptMs = 30 * 86_400_000;
const suffix = ".uses";

/** A line between two line ends: one that a crash tore in two spoils none but itself. */
const line = /^(?:use ([0-9a-f]{32})|revoked) until ([0-9]{1,15})$/;

const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** What a file was read to hold. */
interface Account {
  inode: number;
  /** Bytes read, whole lines alone. */
  read: number;
  /** Fingerprints by their place in the file: all processes agree on who came first. */
  readonly places: Map<string, number>;
  revoked: boolean;
}

/** Keeps its files in a folder of its own, made when it is first needed. */
export function createLedger(folder: string): Ledger {
  const accounts = new Map<string, Account>();

  async function withFile<T>(id: string, work: (file: FileHandle, account: Account) => Promise<T>): Promise<T> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(join(folder, `${id}${suffix}`), flags, 0o600);
    try {
      const account = await bringUp(file, accounts.get(id));
      accounts.set(id, account);
      return await work(file, account);
    } finally {
      await file.close();
    }
  }

  async function append(file: FileHandle, text: string): Promise<void> {
    const bytes = Buffer.from(`\n${text}\n`);
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten !== bytes.length) throw new Error("the disk is full");
    await file.sync();
    await syncFolder(folder);
  }

  return {
    use: (id, envelope, maxUnwraps, untilMs) =>
      withFile(id, async (file, account) => {
        const before = standing(account, envelope, maxUnwraps);
        if (before !== undefined) return before;
        await append(file, `use ${envelope} until ${untilMs}`);
        // Another process may have written meanwhile: what came first in the file counts.
        const after = standing(await bringUp(file, account), envelope, maxUnwraps);
        return after === "again" ? "new" : (after ?? "spent");
      }),
    uses: (id) =>
      withFile(id, (_file, { places, revoked }) => Promise.resolve({ envelopes: [...places.keys()], revoked })),
    revoke: (id, untilMs) =>
      withFile(id, async (file, account) => {
        if (!account.revoked) await append(file, `revoked until ${untilMs}`);
      }),
    async forget(nowMs) {
      for (const name of await namesIn(folder)) {
        if ((await endOf(join(folder, name))) + keptMs >= nowMs) continue;
        await unlink(join(folder, name));
        accounts.delete(name.slice(0, -suffix.length));
      }
    },
  };
}

/** How it stands for an envelope; undefined when it may be charged. */
function standing({ places, revoked }: Account, envelope: string, maxUnwraps: number): GrantUse | undefined {
  if (revoked) return "revoked";
  const place = places.get(envelope);
  if (place !== undefined) return place < maxUnwraps ? "again" : "spent";
  return places.size < maxUnwraps ? undefined : "spent";
}

/** Reads what was written since; all of it when the file is another one. */
async function bringUp(file: FileHandle, known: Account | undefined): Promise<Account> {
  const { ino, size } = await file.stat();
  const isSame = known?.inode === ino && size >= known.read;
  const account = isSame ? known : { inode: ino, read: 0, places: new Map<string, number>(), revoked: false };
  const bytes = Buffer.alloc(size - account.read);
  const from = account.read;
  const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
  const end = bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
  for (const text of bytes.subarray(0, end).toString("latin1").split("\n")) take(account, text);
  // Two readers at once take the same lines, in the same order.
  account.read = Math.max(account.read, from + end);
  return account;
}

function take(account: Account, text: string): void {
  const [found, envelope] = line.exec(text) ?? [];
  if (found === undefined) return;
  if (envelope === undefined) account.revoked = true;
  else if (!account.places.has(envelope)) account.places.set(envelope, account.places.size);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(suffix));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** When a file's grant ends; Infinity where it does not say. */
async function endOf(path: string): Promise<number> {
  const lines = (await readFile(path, "latin1")).split("\n");
  const ends = lines.map((text) => Number(line.exec(text)?.[2] ?? NaN)).filter((end) => !Number.isNaN(end));
  return ends.length === 0 ? Infinity : Math.max(...ends.slice(0, 1_000));
}
