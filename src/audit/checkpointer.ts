// Signs the log's head from time to time, and keeps what it signed beside the log.

import { appendFile } from "node:fs/promises";
import type { Chain } from "./chain.ts";
import { originOf, signCheckpoint } from "./checkpoint.ts";
import type { NoteSigner } from "./note.ts";

/** What checkpoints are made with. */
export interface CheckpointerOptions {
  readonly chain: Chain;
  readonly realm: string;
  readonly signer: NoteSigner;
  /** The file they are appended to, an empty line after each. */
  readonly path: string;
  readonly clock: () => number;
  /** The longest that a record is without a checkpoint over it, in milliseconds. */
  readonly everyMs: number;
  /** Hears of each: where else they are kept is what finds a log that was rolled back. */
  readonly made: (note: string) => void;
  readonly failed: (error: unknown) => void;
}

/** A checkpoint at the latest after so many records. */
const everyRecords = 10_000;

/** Makes checkpoints of a chain. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #timer: NodeJS.Timeout;
  #size = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.make(), options.everyMs).unref();
  }

  /** To be called after every write. */
  wrote(): void {
    if (this.#options.chain.size - this.#size >= everyRecords) this.make();
  }

  /** Signs the head, if it is not signed yet. */
  make(): void {
    const { chain, realm, signer, path, clock, made, failed } = this.#options;
    if (chain.size === this.#size) return;
    this.#size = chain.size;
    const checkpoint = {
      origin: originOf(realm, chain.log),
      size: chain.size,
      root: chain.root(),
      time: new Date(clock()),
    };
    const note = signCheckpoint(checkpoint, signer);
    this.#writing = this.#writing.then(() => appendFile(path, `${note}\n`, { mode: 0o600 })).catch(failed);
    made(note);
  }

  /** Makes one, and resolves when it is kept. Never rejects. */
  async makeAndKeep(): Promise<void> {
    this.make();
    await this.#writing;
  }

  /** Makes the last one. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.makeAndKeep();
  }
}
