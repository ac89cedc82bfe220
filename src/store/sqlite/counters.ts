// Counters and sets of a window, in SQLite.

import type { Addition, Lease } from "../store.ts";
import type { Database } from "./database.ts";

const read = "SELECT window, taken FROM counters WHERE name = ? AND window_ms = ?";
const write = `INSERT INTO counters (name, window_ms, window, taken) VALUES (?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET window = excluded.window, taken = excluded.taken`;

/** What Store.lease does. */
export function lease(
  database: Database,
  counter: string,
  windowMs: number,
  window: number,
  amount: number,
  limit: number,
): Lease {
  return database.transaction(false, () => {
    const found = current(database, counter, windowMs, window);
    // What is given back of a window that is over is of no use to the next.
    if (amount < 0 && found.window !== window) return { got: 0, ...found };
    const got = Math.max(-found.taken, Math.min(amount, Math.max(0, limit - found.taken)));
    const taken = found.taken + got;
    if (got !== 0) database.run(write, counter, windowMs, found.window, taken);
    return { got, taken, window: found.window };
  });
}

/** What Store.addDistinct does. */
export function addDistinct(
  database: Database,
  set: string,
  windowMs: number,
  window: number,
  member: string,
  limit: number,
): Addition {
  return database.transaction(false, () => {
    const stored = database.get(read, set, windowMs);
    const found = current(database, set, windowMs, window);
    if (stored !== undefined && stored["window"] !== found.window)
      database.run("DELETE FROM members WHERE name = ? AND window_ms = ?", set, windowMs);
    const isMember = "SELECT 1 FROM members WHERE name = ? AND window_ms = ? AND member = ?";
    const within = { within: true, window: found.window };
    if (database.get(isMember, set, windowMs, member) !== undefined) return { ...within, held: found.taken };
    if (found.taken >= limit) return { within: false, held: found.taken, window: found.window };
    database.run("INSERT INTO members (name, window_ms, member) VALUES (?, ?, ?)", set, windowMs, member);
    database.run(write, set, windowMs, found.window, found.taken + 1);
    return { ...within, held: found.taken + 1 };
  });
}

function current(database: Database, name: string, windowMs: number, window: number) {
  const row = database.get(read, name, windowMs) as { window: number; taken: number } | undefined;
  return row !== undefined && row.window >= window ? { window: row.window, taken: row.taken } : { window, taken: 0 };
}
