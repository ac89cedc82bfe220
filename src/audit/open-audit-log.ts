// The audit log: records of one turn of the event loop, and of the time a write takes, share the next write.

import { randomBytes } from "node:crypto";
import type { AuditLog, AuditRecord } from "./audit.ts";
import { auditWriter, unavailable, type AuditWriter } from "./audit-writer.ts";
import { openAuditFile, type OpenAuditFile } from "./file.ts";
import { lineOf, lineStart } from "./line.ts";

/** What happened to the log as a whole: for the daemon's own log and metrics. */
export interface AuditNotice {
  /**
   * `reopened`: the file had been removed, replaced or moved away, and a new one was opened. `unavailable`: records
   * cannot be written. `recovered`: they can again.
   */
  readonly event: "reopened" | "unavailable" | "recovered";
  readonly folder: string;
  /** With `unavailable`: the system's code, or `timeout`. */
  readonly code?: string;
}

/** What an audit log is made of. */
export interface AuditLogOptions {
  readonly folder: string;
  /** Milliseconds since 1970; Date.now unless given. */
  readonly clock?: () => number;
  /** How long a write may take before its records count as unwritten; 2 s unless given. */
  readonly writeTimeoutMs?: number;
  /** Records that may wait for the next write; more are refused. 65,536 unless given. */
  readonly maxPending?: number;
  readonly notice?: (notice: AuditNotice) => void;
  /** How the file is opened: for tests. */
  readonly openFile?: OpenAuditFile;
}

/** An audit log over a file. */
export interface FileAuditLog extends AuditLog {
  /** Random per start, 16 hex digits: with a record's seq, its name. */
  readonly process: string;
  /**
   * Looks at once whether the file was moved away, as log rotation does before SIGHUP, and opens a new one then.
   * Rejects as append does.
   */
  reopen(): Promise<void>;
}

/**
 * Opens the log in a folder, which is made if it is missing. An unfinished last line is ended before the first record.
 * Sequence numbers start at 0 with each process, whose random id stands beside them; a number missing between two
 * others is a record that could not be written, whose call was failed. A record whose write timed out may yet come to
 * stand in the file: its call was failed all the same. Throws AUDIT_UNAVAILABLE when the folder or file cannot be used.
 */
export async function openAuditLog(options: AuditLogOptions): Promise<FileAuditLog> {
  const { folder, openFile = openAuditFile, clock = Date.now, notice = () => {} } = options;
  const { writeTimeoutMs = 2_000, maxPending = 65_536 } = options;
  const writer = await auditWriter(folder, openFile, clock, notice);
  return new GroupCommit(writer, { folder, clock, notice, writeTimeoutMs, maxPending });
}

/** Records that share a write, and so a promise. */
interface Batch {
  text: string;
  count: number;
  readonly start: string;
  readonly done: PromiseWithResolvers<void>;
}

type Settings = Required<Omit<AuditLogOptions, "openFile">>;

class GroupCommit implements FileAuditLog {
  readonly process = randomBytes(8).toString("hex");
  readonly #writer: AuditWriter;
  readonly #settings: Settings;
  readonly #watch: NodeJS.Timeout;
  #sequence = 0;
  #closed = false;
  #collecting: Batch | undefined;
  #writing: Batch | undefined;
  /** A write has not come back in time: until it does, its fate and the file's state are unknown. */
  #stuck = false;

  constructor(writer: AuditWriter, settings: Settings) {
    this.#writer = writer;
    this.#settings = settings;
    // One timer, set anew by every write: a timer of its own would cost each write more.
    this.#watch = setTimeout(() => this.#giveUp(), settings.writeTimeoutMs).unref();
  }

  append(record: AuditRecord): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(unavailable(refusal));
    const batch = (this.#collecting ??= this.#begin());
    batch.text += lineOf(record, batch.start, this.#sequence++);
    batch.count += 1;
    return batch.done.promise;
  }

  async reopen(): Promise<void> {
    this.#writer.lookAgain();
    const refusal = this.#refusal();
    if (refusal !== undefined) throw unavailable(refusal);
    // An empty batch looks at the file too.
    await (this.#collecting ??= this.#begin()).done.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#collecting?.done.promise, this.#writing?.done.promise]);
    clearTimeout(this.#watch);
    await this.#writer.close();
  }

  #refusal(): string | undefined {
    if (this.#closed) return "closed";
    if (this.#stuck) return "timeout";
    const waiting = this.#collecting?.count ?? 0;
    return waiting >= this.#settings.maxPending ? "too many records wait" : undefined;
  }

  #begin(): Batch {
    const done = Promise.withResolvers<void>();
    // Every caller has this promise; that none of them waits for it must not end the process.
    done.promise.catch(() => {});
    if (this.#writing === undefined) setImmediate(() => void this.#flush());
    return { text: "", count: 0, start: lineStart(new Date(this.#settings.clock()), this.process), done };
  }

  async #flush(): Promise<void> {
    while (this.#collecting !== undefined && this.#writing === undefined) {
      const batch = this.#collecting;
      this.#writing = batch;
      this.#collecting = undefined;
      this.#watch.refresh();
      await this.#writer.write(batch.text).then(batch.done.resolve, batch.done.reject);
      if (this.#stuck) this.#settings.notice({ event: "recovered", folder: this.#settings.folder });
      this.#stuck = false;
      this.#writing = undefined;
    }
  }

  #giveUp(): void {
    if (this.#writing === undefined) return;
    this.#stuck = true;
    this.#settings.notice({ event: "unavailable", folder: this.#settings.folder, code: "timeout" });
    for (const batch of [this.#writing, this.#collecting]) batch?.done.reject(unavailable("timeout"));
    this.#collecting = undefined;
  }
}
