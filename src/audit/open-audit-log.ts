// Opens an audit log: a new one for each process, which names those before it in the folder.

import { randomBytes } from "node:crypto";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { BrokerError } from "../errors/index.ts";
import type { AuditLog } from "./audit.ts";
import { checkpointSigner } from "./checkpoint-key.ts";
import { Checkpointer } from "./checkpointer.ts";
import { codeOf, GroupCommit } from "./group-commit.ts";
import { LogWriter } from "./log-writer.ts";
import { checkpointsPath, logName } from "./names.ts";
import { encodeVerifier, verifierOf } from "./note.ts";
import { otherLogs } from "./other-logs.ts";
import { openPart, refuseOthers, type OpenPart } from "./part.ts";
import { Reserve } from "./reserve.ts";
import { compress, removeOlder } from "./retention.ts";
import type { Sinks, SinkSettings, SinkState } from "./sinks/index.ts";

/** What happened to the log as a whole: for the daemon's own log and metrics. */
export interface AuditNotice {
  /**
   * `reopened`: the file had been removed or replaced, and a new one was opened. `unavailable`: records cannot be
   * written. `recovered`: they can again. `checkpoint`: the head was signed. `upkeep-failed`: a part could not be
   * compressed or removed, or a checkpoint not be kept. `sink-failed`: records cannot be sent on; `sink-recovered`: they
   * can again.
   */
  readonly event:
    "reopened" | "unavailable" | "recovered" | "checkpoint" | "upkeep-failed" | "sink-failed" | "sink-recovered";
  readonly folder: string;
  /** With `unavailable`, `upkeep-failed` and `sink-failed`: the system's code, or `timeout`. */
  readonly code?: string;
  /** With `sink-failed` and `sink-recovered`: which. */
  readonly sink?: string;
  /** With `checkpoint`: the signed note. */
  readonly note?: string;
}

/** What an audit log is made of; everything but the folder has a default. */
export interface AuditLogOptions {
  readonly folder: string;
  readonly realm?: string;
  /** `fsync`: a record is on the disk before its call is answered; `write`: in the system's hands. The default is write. */
  readonly durability?: "write" | "fsync";
  /** Bytes after which a part is ended and compressed; 1 GiB. */
  readonly rotateBytes?: number;
  /** How long parts are kept after their last record, in milliseconds; for ever. */
  readonly keepMs?: number;
  /** Bytes kept on the disk for granted calls; none. */
  readonly reserveBytes?: number;
  /** The PEM file of the key that signs checkpoints; `checkpoint-key.pem` in the folder. */
  readonly signingKey?: string;
  readonly checkpointEveryMs?: number;
  /** Denials of one identity that are recorded one by one in a second; 100. */
  readonly denialsPerSecond?: number;
  /** Where records are sent on to; nowhere. */
  readonly sinks?: SinkSettings;
  /** The daemon's version, for the first record. */
  readonly version?: string;
  /** Milliseconds since 1970; Date.now. */
  readonly clock?: () => number;
  /** How long a write may take before its records count as unwritten; 2 s. */
  readonly writeTimeoutMs?: number;
  /** Records that may wait for the next write; more are refused. 65,536. */
  readonly maxPending?: number;
  readonly notice?: (notice: AuditNotice) => void;
  /** How parts are made: for tests. */
  readonly openPart?: OpenPart;
}

/** An audit log over files. */
export interface FileAuditLog extends AuditLog {
  /** Random per start, 32 hex digits: with a record's seq, its name. */
  readonly log: string;
  /** Looks at once whether the file was removed or replaced, and goes on in a new one then. Rejects as append does. */
  reopen(): Promise<void>;
  /** How the sinks do. */
  sinks(): readonly SinkState[];
}

const defaults = {
  realm: "default",
  durability: "write",
  rotateBytes: 1_073_741_824,
  keepMs: Infinity,
  reserveBytes: 0,
  checkpointEveryMs: 10_000,
  denialsPerSecond: 100,
  version: "unknown",
  clock: Date.now,
  writeTimeoutMs: 2_000,
  maxPending: 65_536,
  notice: () => {},
  openPart,
} satisfies Partial<AuditLogOptions>;

const retentionEveryMs = 3_600_000;

/**
 * Opens a log in a folder, which is made if it is missing, and writes its first record. A record whose write timed out
 * may yet come to stand in the file: its call was failed all the same. Throws AUDIT_UNAVAILABLE when the folder, a file
 * or the key cannot be used.
 */
export async function openAuditLog(given: AuditLogOptions): Promise<FileAuditLog> {
  const options = { ...defaults, signingKey: join(given.folder, "checkpoint-key.pem"), ...defined(given) };
  const { folder, clock, notice, realm, version } = options;
  prepareFolder(folder);
  const log = randomBytes(16).toString("hex");
  const name = logName(new Date(clock()), log);
  const signer = checkpointSigner(options.signingKey);
  const heads = attempt(() => otherLogs(folder)).map(({ log, size, last, torn }) => `${log} ${size} ${last} ${torn}`);
  const publicKey = encodeVerifier(verifierOf(signer));
  const upkeep = upkeepOf(options);
  const writer = new LogWriter({
    folder,
    name,
    openPart: options.openPart,
    clock,
    rotateBytes: options.rotateBytes,
    sync: options.durability === "fsync",
    opening: () => ({ realm, version, process: process.pid, publicKey, heads }),
    reopened: () => notice({ event: "reopened", folder }),
    ended: (path) => upkeep(() => compress(path)),
  });
  const checkpointer = new Checkpointer({
    chain: writer.chain,
    realm,
    signer,
    path: checkpointsPath(folder, name),
    clock,
    everyMs: options.checkpointEveryMs,
    made: (note) => notice({ event: "checkpoint", folder, note }),
    failed: (error) => notice({ event: "upkeep-failed", folder, code: codeOf(error) }),
  });
  const reserve = new Reserve(folder, options.reserveBytes);
  await writer.write([]).catch((error: unknown) => Promise.reject(cannotOpen(error)));
  // From the first call on there is something signed: a process that is killed at once leaves no log that nobody vouches for.
  await checkpointer.makeAndKeep();
  // Beside the start: it need not wait until so much is written.
  if (options.reserveBytes > 0) upkeep(async () => void (await reserve.fill()));
  const commit = new GroupCommit({
    ...{ writer, checkpointer, reserve, clock },
    ...{ writeTimeoutMs: options.writeTimeoutMs, maxPending: options.maxPending },
    denialsPerSecond: options.denialsPerSecond,
    unavailable: (code) => notice({ event: "unavailable", folder, code }),
    recovered: () => notice({ event: "recovered", folder }),
  });
  const remove = () => upkeep(() => removeOld(commit, folder, clock() - options.keepMs, writer.path));
  if (options.keepMs !== Infinity) remove();
  const timer = setInterval(remove, retentionEveryMs).unref();
  const sinks = await sinksOf(options);
  return {
    log,
    append: (record) => commit.append(record),
    reopen: () => commit.reopen(),
    sinks: () => sinks?.states() ?? [],
    async close() {
      clearInterval(timer);
      await commit.close();
      await sinks?.close();
    },
  };
}

/** Their code is loaded only where there are some. */
async function sinksOf({ folder, sinks, version, notice }: SinkParts): Promise<Sinks | undefined> {
  if (sinks?.syslog === undefined && sinks?.otlp === undefined) return undefined;
  const { startSinks } = await import("./sinks/index.ts");
  return startSinks({
    ...{ folder, version, settings: sinks },
    failed: (sink, code) => notice({ event: "sink-failed", folder, sink, code }),
    recovered: (sink) => notice({ event: "sink-recovered", folder, sink }),
  });
}

async function removeOld(log: AuditLog, folder: string, beforeMs: number, current: string): Promise<void> {
  for (const { log: id, part } of await removeOlder(folder, beforeMs, current)) {
    await log.append({ event: "part-removed", details: { log: id, part } });
  }
}

/** Upkeep runs beside the calls, one piece after the other; its failure is told, and costs no call. */
function upkeepOf({ folder, notice }: Required<Pick<AuditLogOptions, "folder" | "notice">>) {
  let last: Promise<void> = Promise.resolve();
  return (work: () => Promise<void>): void => {
    last = last.then(work).catch((error: unknown) => {
      notice({ event: "upkeep-failed", folder, code: codeOf(error) });
    });
  };
}

function prepareFolder(folder: string): void {
  attempt(() => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    refuseOthers(statSync(folder), `the folder ${folder}`);
  });
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw cannotOpen(error);
  }
}

function cannotOpen(error: unknown): BrokerError {
  const what = error instanceof Error ? error.message : "unknown error";
  return new BrokerError("AUDIT_UNAVAILABLE", `the audit log cannot be opened: ${what}`, { cause: error });
}

type SinkParts = Pick<AuditLogOptions, "sinks"> & Required<Pick<AuditLogOptions, "folder" | "version" | "notice">>;

/** Options that are there but undefined leave the default as it is. */
function defined(options: AuditLogOptions): AuditLogOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as AuditLogOptions;
}
