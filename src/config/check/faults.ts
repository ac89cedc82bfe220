// What a check answers: faults refuse the configuration, warnings do not.

import type { Finding, Path } from "../problem.ts";

/** Collects findings. */
export interface Faults {
  readonly errors: Finding[];
  readonly warnings: Finding[];
}

/** An empty collection. */
export function noFaults(): Faults {
  return { errors: [], warnings: [] };
}

/** Reports every entry whose mark another entry before it has. `path` and `message` speak of the later one. */
export function refuseRepeats<Entry>(
  entries: Iterable<Entry>,
  markOf: (entry: Entry) => string | undefined,
  report: (entry: Entry, first: Entry) => { path: Path; message: string },
  faults: Faults,
): void {
  const seen = new Map<string, Entry>();
  for (const entry of entries) {
    const mark = markOf(entry);
    if (mark === undefined) continue;
    const first = seen.get(mark);
    if (first === undefined) seen.set(mark, entry);
    else faults.errors.push(report(entry, first));
  }
}
