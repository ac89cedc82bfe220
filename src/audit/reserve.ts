// Room on the disk that is kept for the records of granted calls: given up when the disk is full, taken again later.

import { constants } from "node:fs";
import { open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

const blockBytes = 1_048_576;

/** Keeps room on the audit folder's disk. */
export class Reserve {
  readonly #path: string;
  readonly #bytes: number;

  constructor(folder: string, bytes: number) {
    this.#path = join(folder, "reserve");
    this.#bytes = bytes;
  }

  /** Fills the reserve as far as the disk lets it. True when it is full. */
  async fill(): Promise<boolean> {
    if (this.#bytes === 0) return true;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
    const file = await open(this.#path, flags, 0o600);
    try {
      // Real blocks: a sparse file would keep no room.
      const block = Buffer.alloc(blockBytes);
      for (let { size } = await file.stat(); size < this.#bytes; size += block.length) await file.write(block);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Gives up a block. False when there is nothing left. */
  async release(): Promise<boolean> {
    const size = await stat(this.#path).then(
      ({ size }) => size,
      () => 0,
    );
    if (size === 0) return false;
    await truncate(this.#path, Math.max(0, size - blockBytes));
    return true;
  }
}
