// Verifies the records of one log: each by the one after it, all of them by the signed checkpoints.

import { hash } from "node:crypto";
import { origin } from "./chain.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Line } from "./read-lines.ts";
import { Tree, type Frontier } from "./tree.ts";

/** What is wrong, and where. */
export interface Problem {
  readonly log: string;
  readonly file: string;
  /** The first record that cannot be relied on. */
  readonly record: number;
  readonly what: string;
}

/** Where records stand: for messages. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** Follows the records of one log, from its first or from the first of a later part. */
export class LogVerifier {
  readonly log: string;
  readonly problems: Problem[] = [];
  /** Sizes for which a root or a leaf is wanted. */
  readonly #checkpoints: ReadonlyMap<number, readonly Checkpoint[]>;
  readonly #heads: ReadonlyMap<number, readonly string[]>;
  #tree = new Tree();
  #previous: string;
  #size = 0;
  #checked = 0;

  /** `heads` are leaf hashes that other logs know, by the size that the log had then. */
  constructor(
    log: string,
    checkpoints: ReadonlyMap<number, readonly Checkpoint[]>,
    heads: ReadonlyMap<number, readonly string[]>,
  ) {
    this.log = log;
    this.#checkpoints = checkpoints;
    this.#heads = heads;
    this.#previous = origin(log);
  }

  /** How many records the log has, those before the first that was read included. */
  get size(): number {
    return this.#size;
  }

  /** The size of the largest checkpoint that was compared. */
  get checked(): number {
    return this.#checked;
  }

  /** Begins at a later part, whose first record tells the tree before it. `previous` is that record's own word. */
  beginAt(frontier: Frontier, previous: string): void {
    this.#tree = new Tree(frontier);
    this.#size = frontier.size;
    this.#previous = previous;
  }

  /** Takes the next record. False when it is not the next: the reading ends there. */
  next({ bytes, start, end }: Line, place: Place): boolean {
    const expected = `{"log":"${this.log}","seq":${this.#size},"prev":"${this.#previous}","time":"`;
    if (bytes.toString("latin1", start, Math.min(end, start + expected.length)) !== expected) {
      return this.#refuse(bytes.toString("utf8", start, end), place);
    }
    // A leaf's hash begins with a zero byte: put before the line, it saves a copy of it.
    bytes[start - 1] = 0;
    this.#previous = hash("sha256", bytes.subarray(start - 1, end), "base64url");
    this.#tree.append([this.#previous]);
    this.#size += 1;
    return this.#compare(place);
  }

  /** What checkpoints and other logs know of records that are not there. */
  finish(file: string): void {
    const known = [...this.#checkpoints.keys(), ...this.#heads.keys()];
    const most = known.reduce((a, b) => Math.max(a, b), 0);
    if (this.problems.length > 0 || most <= this.#size) return;
    this.#add(
      file,
      this.#size,
      `the log was cut off or rolled back: it had ${most} records, and ${this.#size} are left`,
    );
  }

  #compare({ file, line }: Place): boolean {
    for (const { root } of this.#checkpoints.get(this.#size) ?? []) {
      if (!Buffer.from(this.#tree.root()).equals(root)) {
        return this.#add(
          file,
          this.#size - 1,
          `line ${line} and those before it are not what the checkpoint at ${this.#size} was signed over`,
        );
      }
      this.#checked = this.#size;
    }
    const others = this.#heads.get(this.#size) ?? [];
    if (others.every((head) => head === this.#previous)) return true;
    return this.#add(
      file,
      this.#size - 1,
      `line ${line} is not the record that a later log knows: the log has two heads`,
    );
  }

  #refuse(text: string, { file, line }: Place): false {
    const [, log, sequence, previous] =
      /^\{"log":"([0-9a-f]{32})","seq":(\d{1,15}),"prev":"([\w-]{43})","time":"/.exec(text) ?? [];
    const where = `line ${line}`;
    const found = Number(sequence);
    if (log === undefined) return this.#add(file, this.#size, `${where} is no record`);
    if (log !== this.log) return this.#add(file, this.#size, `${where} is a record of log ${log}`);
    if (found > this.#size)
      return this.#add(file, this.#size, `${where} is record ${found}: ${missing(this.#size, found)}`);
    if (found < this.#size)
      return this.#add(file, this.#size, `${where} is record ${found} again: it was inserted or moved`);
    if (previous === this.#previous) return this.#add(file, this.#size, `${where} is no record`);
    return this.#add(
      file,
      Math.max(0, this.#size - 1),
      `the record before ${where}, or its own word of it, was changed`,
    );
  }

  #add(file: string, record: number, what: string): false {
    this.problems.push({ log: this.log, file, record, what });
    return false;
  }
}

function missing(from: number, to: number): string {
  return to === from + 1 ? `record ${from} is missing` : `records ${from} to ${to - 1} are missing`;
}
