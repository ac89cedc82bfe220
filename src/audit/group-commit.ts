// The audit log at work: records of one turn of the event loop, and of the time a write takes, share the next write.

import type { AuditLog, AuditRecord } from "./audit.ts";
import type { Checkpointer } from "./checkpointer.ts";
import { Denials } from "./denials.ts";
import { bodyOf, bodyStart } from "./line.ts";
import { unavailable, type LogWriter } from "./log-writer.ts";
import type { Reserve } from "./reserve.ts";

/** What a log is run with. */
export interface GroupCommitOptions {
  readonly writer: LogWriter;
  readonly checkpointer: Checkpointer;
  readonly reserve: Reserve;
  readonly clock: () => number;
  readonly writeTimeoutMs: number;
  readonly maxPending: number;
  readonly denialsPerSecond: number;
  /** Records cannot be written, with the system's code or `timeout`; they can again. Told once each. */
  readonly unavailable: (code: string) => void;
  readonly recovered: () => void;
}

/** Records that share a write, and so a promise. */
interface Batch {
  readonly bodies: string[];
  readonly start: string;
  readonly done: PromiseWithResolvers<void>;
}

const everySecondMs = 1_000;

/** Takes records, and writes them in the order in which they came. */
export class GroupCommit implements AuditLog {
  readonly #options: GroupCommitOptions;
  readonly #watch: NodeJS.Timeout;
  readonly #second: NodeJS.Timeout;
  readonly #denials: Denials;
  #closed = false;
  #collecting: Batch | undefined;
  #writing: Batch | undefined;
  #failing = false;
  /** A write has not come back in time: until it does, its fate and the file's state are unknown. */
  #stuck = false;
  /** The disk is full: what the reserve gave up is for granted calls. */
  #full = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#denials = new Denials(options.denialsPerSecond);
    // One timer, set anew by every write: a timer of its own would cost each write more.
    this.#watch = setTimeout(() => this.#giveUp(), options.writeTimeoutMs).unref();
    this.#second = setInterval(() => this.#everySecond(), everySecondMs).unref();
  }

  append(record: AuditRecord): Promise<void> {
    const refusal = this.#refusal(record);
    if (refusal !== undefined) return Promise.reject(unavailable(refusal));
    if (record.event === "result" && this.#denials.takes(record)) return Promise.resolve();
    const batch = (this.#collecting ??= this.#begin());
    batch.bodies.push(bodyOf(record, batch.start));
    return batch.done.promise;
  }

  /** Looks at once whether the file was removed or replaced, and goes on in a new one then. Rejects as append does. */
  async reopen(): Promise<void> {
    this.#options.writer.lookAgain();
    if (this.#closed || this.#stuck) throw unavailable(this.#closed ? "closed" : "timeout");
    // An empty batch looks at the file too.
    await (this.#collecting ??= this.#begin()).done.promise;
  }

  async close(): Promise<void> {
    clearInterval(this.#second);
    if (!this.#closed) this.#recordDenials();
    this.#closed = true;
    await Promise.allSettled([this.#collecting?.done.promise, this.#writing?.done.promise]);
    clearTimeout(this.#watch);
    await this.#options.checkpointer.close();
    await this.#options.writer.close();
  }

  #refusal({ grant, event }: AuditRecord): string | undefined {
    if (this.#closed) return "closed";
    if (this.#stuck) return "timeout";
    if (this.#full && grant === undefined && event === "result") return "the disk is full";
    return (this.#collecting?.bodies.length ?? 0) >= this.#options.maxPending ? "too many records wait" : undefined;
  }

  #begin(): Batch {
    const done = Promise.withResolvers<void>();
    // Every caller has this promise; that none of them waits for it must not end the process.
    done.promise.catch(() => {});
    if (this.#writing === undefined) setImmediate(() => void this.#flush());
    return { bodies: [], start: bodyStart(new Date(this.#options.clock())), done };
  }

  async #flush(): Promise<void> {
    while (this.#collecting !== undefined && this.#writing === undefined) {
      const batch = this.#collecting;
      this.#writing = batch;
      this.#collecting = undefined;
      this.#watch.refresh();
      await this.#write(batch.bodies).then(batch.done.resolve, batch.done.reject);
      this.#stuck = false;
      this.#writing = undefined;
    }
  }

  async #write(bodies: readonly string[]): Promise<void> {
    const { writer, checkpointer, recovered } = this.#options;
    try {
      await writer.write(bodies);
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOSPC") this.#full = await this.#options.reserve.release().catch(() => false);
      this.#fail(code);
      throw unavailable(error);
    }
    if (this.#failing && !this.#full) {
      this.#failing = false;
      recovered();
    }
    checkpointer.wrote();
  }

  #fail(code: string): void {
    if (!this.#failing) this.#options.unavailable(code);
    this.#failing = true;
  }

  #giveUp(): void {
    if (this.#writing === undefined) return;
    this.#stuck = true;
    this.#fail("timeout");
    for (const batch of [this.#writing, this.#collecting]) batch?.done.reject(unavailable("timeout"));
    this.#collecting = undefined;
  }

  #everySecond(): void {
    this.#recordDenials();
    if (this.#full) void this.#refill();
  }

  #recordDenials(): void {
    for (const record of this.#denials.quiet ? [] : this.#denials.drain()) {
      this.append({ ...record, event: "denials" }).catch(() => {});
    }
  }

  /** Whoever may write again is told by the next record that is written. */
  async #refill(): Promise<void> {
    const filled = await this.#options.reserve.fill().catch(() => false);
    if (filled) this.#full = false;
  }
}

/** The system's word for a failure. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
