// The chain of one log: every record names the one before it by its hash, and a tree over all of them is signed.

import { hash } from "node:crypto";
import { frameHash, frameOf, Tree, type Frontier } from "./tree.ts";

/** Records that were linked, and are not part of the chain until they are written. */
export interface Linked {
  /** Their lines, each after a zero byte, as a leaf of the tree is hashed: see `encode`. */
  readonly frames: readonly string[];
  readonly leaves: readonly string[];
}

/**
 * The lines as a file has them, each with its newline: in `kept`, or in a buffer of its own where they may not fit. They
 * are written one by one, since one text of all of them would be copied once more, and into the heap.
 */
export function encode({ frames }: Linked, kept: Buffer): Buffer {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  const most = frames.reduce((sum, { length }) => sum + length * 3, 1);
  const bytes = most > kept.length ? Buffer.alloc(most) : kept;
  let end = 0;
  for (const frame of frames) {
    const start = end;
    end += bytes.write(frame, start);
    bytes[start] = newline;
  }
  bytes[end] = newline;
  return bytes.subarray(1, end + 1);
}

const newline = 0x0a;

/** What the first record of a log has in the place of its predecessor's hash. */
export function origin(log: string): string {
  return hash("sha256", `keybroker audit v1\n${log}`, "base64url");
}

/** Leaves that wait for the tree: a few are hashed at a time, so that no turn of the event loop takes long. */
const maxWaiting = 256;

/** The chain of a log that is being written. */
export class Chain {
  readonly log: string;
  #sequence = 0;
  #previous: string;
  #waiting: string[] = [];
  readonly #tree = new Tree();

  constructor(log: string) {
    this.log = log;
    this.#previous = origin(log);
  }

  /** How many records are written. */
  get size(): number {
    return this.#sequence;
  }

  /** The last written record's leaf hash. */
  get head(): string {
    return this.#previous;
  }

  /** Makes lines of bodies (`"time":…}`), as if they were written next. */
  link(bodies: readonly string[]): Linked {
    let previous = this.#previous;
    let sequence = this.#sequence;
    const leaves: string[] = [];
    const frames = bodies.map((body) => {
      const frame = frameOf(`{"log":"${this.log}","seq":${sequence++},"prev":"${previous}",${body}`);
      leaves.push((previous = frameHash(frame)));
      return frame;
    });
    return { frames, leaves };
  }

  /** They are written. */
  commit({ leaves }: Linked): void {
    if (leaves.length === 0) return;
    this.#sequence += leaves.length;
    this.#previous = leaves.at(-1)!;
    for (const leaf of leaves) this.#waiting.push(leaf);
    if (this.#waiting.length >= maxWaiting) this.#settle();
  }

  frontier(): Frontier {
    this.#settle();
    return this.#tree.frontier();
  }

  /** The root over all written records, 32 bytes. */
  root(): Uint8Array {
    this.#settle();
    return this.#tree.root();
  }

  #settle(): void {
    this.#tree.append(this.#waiting);
    this.#waiting = [];
  }
}
