// Writes a log's records into its parts, each chained to the one before, whole or not at all.

import { BrokerError } from "../errors/index.ts";
import type { AuditRecord } from "./audit.ts";
import { Chain, encode, type Linked } from "./chain.ts";
import { bodyOf, bodyStart } from "./line.ts";
import { partPath, type LogName } from "./names.ts";
import type { OpenPart, Part } from "./part.ts";

/** What a log is written with. */
export interface LogWriterOptions {
  readonly folder: string;
  readonly name: LogName;
  readonly openPart: OpenPart;
  readonly clock: () => number;
  /** A part of this many bytes is ended. */
  readonly rotateBytes: number;
  /** Records are on the disk before they count as written. */
  readonly sync: boolean;
  /** What the first record of the log says. */
  readonly opening: () => AuditRecord["details"];
  /** Hears of a part that took the place of one that was gone. */
  readonly reopened: () => void;
  /** Hears of a part that was ended, before its file is closed for good. */
  readonly ended: (path: string) => void;
}

/** How long a file that was removed or replaced may still be written to, in milliseconds. */
const lookEveryMs = 1_000;
/** A part of a quiet log ends after a day, so that retention can take it. */
const rotateEveryMs = 86_400_000;
/** Writes are copied into one buffer that is kept; larger ones get their own. */
const keptBytes = 1_048_576;

/** One call of `write` at a time. */
export class LogWriter {
  readonly chain: Chain;
  readonly #options: LogWriterOptions;
  readonly #kept = Buffer.alloc(keptBytes);
  #part: Part | undefined;
  #number = 0;
  #openedAtMs = 0;
  #lookedAtMs = 0;
  /** Bytes of whole records in the part, and bytes behind them that a failed write may have left. */
  #bytes = 0;
  #torn = 0;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.chain = new Chain(options.name.log);
  }

  /** Resolves when the records are written. Rejects with an error of the file system; none of them counts then. */
  async write(bodies: readonly string[]): Promise<void> {
    const first = await this.#prepare();
    if (first.length + bodies.length === 0) return;
    const linked = this.chain.link(first.length === 0 ? bodies : [...first, ...bodies]);
    await this.#put(linked);
    this.chain.commit(linked);
  }

  /** The path of the part that is written to. */
  get path(): string {
    return partPath(this.#options.folder, this.#options.name, this.#number);
  }

  /** Has the next write look whether the part is still at its path. */
  lookAgain(): void {
    this.#lookedAtMs = -Infinity;
  }

  async close(): Promise<void> {
    await this.#part?.sync().catch(() => undefined);
    await this.#part?.close();
    this.#part = undefined;
  }

  /** Makes the part fit to be written to, and answers what must be recorded first. */
  async #prepare(): Promise<readonly string[]> {
    const nowMs = this.#options.clock();
    if (this.#part !== undefined && !(await this.#isCurrent(nowMs))) await this.#replace();
    if (this.#part !== undefined && this.#isFull(nowMs)) await this.#end();
    if (this.#part === undefined) return [await this.#open(nowMs)];
    if (this.#torn === 0) return [];
    await this.#part.truncate(this.#bytes);
    const details = { part: this.#number, bytes: this.#torn };
    this.#torn = 0;
    return [this.#body({ event: "repaired", details })];
  }

  async #isCurrent(nowMs: number): Promise<boolean> {
    // A clock that was set back must not put the next look off.
    const recent = nowMs >= this.#lookedAtMs && nowMs < this.#lookedAtMs + lookEveryMs;
    if (recent) return true;
    const current = await this.#part!.isCurrent();
    if (current) this.#lookedAtMs = nowMs;
    return current;
  }

  async #replace(): Promise<void> {
    await this.#part!.close().catch(() => undefined);
    this.#part = undefined;
    this.#options.reopened();
  }

  #isFull(nowMs: number): boolean {
    return this.#bytes >= this.#options.rotateBytes || nowMs - this.#openedAtMs >= rotateEveryMs;
  }

  async #end(): Promise<void> {
    const part = this.#part!;
    if (this.#torn > 0) await part.truncate(this.#bytes);
    await part.sync();
    await part.close();
    this.#part = undefined;
    this.#options.ended(this.path);
  }

  async #open(nowMs: number): Promise<string> {
    const { openPart, opening } = this.#options;
    // A name that somebody took is passed over: what counts is the chain.
    this.#number += 1;
    this.#part = await openPart(this.path);
    this.#bytes = this.#torn = 0;
    this.#openedAtMs = this.#lookedAtMs = nowMs;
    if (this.chain.size === 0) return this.#body({ event: "log-opened", details: { format: 1, ...opening() } });
    const { size, hashes: frontier } = this.chain.frontier();
    return this.#body({ event: "part-opened", details: { part: this.#number, size, frontier } });
  }

  #body(record: AuditRecord): string {
    return bodyOf(record, bodyStart(new Date(this.#options.clock())));
  }

  async #put(linked: Linked): Promise<void> {
    const bytes = encode(linked, this.#kept);
    const part = this.#part!;
    for (let offset = 0; offset < bytes.length;) {
      const written = await part.write(bytes, offset, bytes.length - offset);
      if (written === 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
      offset += written;
      this.#torn = offset;
    }
    if (this.#options.sync) await part.sync();
    this.#bytes += this.#torn;
    this.#torn = 0;
  }
}

/** The caller learns that nothing can be recorded; the cause is the operator's to know. */
export function unavailable(cause: unknown): BrokerError {
  return new BrokerError("AUDIT_UNAVAILABLE", "the audit log cannot be written, so nothing is answered", { cause });
}
