// Denials beyond a rate are counted, not recorded one by one: whoever is refused must not fill the disk.

import type { AuditRecord } from "./audit.ts";

/** Denials of one identity in the current second. */
interface Count {
  recorded: number;
  uncounted: number;
  first: AuditRecord | undefined;
}

const denials: ReadonlySet<string | undefined> = new Set(["DENIED", "IDENTITY_UNKNOWN", "QUOTA", "KEY_STOPPED"]);

/** Counts denials by identity. */
export class Denials {
  readonly #perSecond: number;
  readonly #counts = new Map<string, Count>();

  /** Up to `perSecond` of each identity are recorded one by one. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether a record is a denial beyond the rate: it is counted then, and need not be written. */
  takes(record: AuditRecord): boolean {
    if (record.outcome === "done" || !denials.has(record.outcome)) return false;
    const count = this.#countOf(`${record.listener} ${record.identity}`);
    if (count.recorded < this.#perSecond) {
      count.recorded += 1;
      return false;
    }
    count.first ??= record;
    count.uncounted += 1;
    return true;
  }

  /** Ends the second: a record for each identity that was beyond the rate. */
  drain(): readonly AuditRecord[] {
    const over = [...this.#counts.values()].filter(({ first }) => first !== undefined);
    this.#counts.clear();
    return over.map(({ first, uncounted }) => {
      const { listener, identity, outcome, operation, key } = first!;
      return { event: "denials", listener, identity, operation, key, outcome, details: { count: uncounted } };
    });
  }

  /** Whether nobody was denied in this second. */
  get quiet(): boolean {
    return this.#counts.size === 0;
  }

  #countOf(name: string): Count {
    const found = this.#counts.get(name) ?? { recorded: 0, uncounted: 0, first: undefined };
    this.#counts.set(name, found);
    return found;
  }
}
