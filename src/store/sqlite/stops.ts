// The stop list, in SQLite: one row, since it is read and replaced as a whole.

import { changed, newer, noStops, parseStops, stopsText } from "../stop-list.ts";
import type { StopChange, StopList } from "../store.ts";
import type { Database } from "./database.ts";

/** What Store.stops does. Throws when the row is none of ours. */
export function stops(database: Database): StopList {
  const row = database.get("SELECT list FROM stops WHERE one = 1");
  if (row === undefined) return noStops;
  const list = parseStops(String(row["list"]));
  if (list === undefined) throw new Error("the list of stops cannot be read");
  return list;
}

/** What Store.setStop does. */
export function setStop(database: Database, change: StopChange): StopList {
  return database.transaction(true, () => save(database, changed(stops(database), change)));
}

/** What Store.adoptStops does. */
export function adoptStops(database: Database, list: StopList): StopList {
  return database.transaction(true, () => {
    const own = stops(database);
    const next = newer(own, list);
    return next === own ? own : save(database, next);
  });
}

function save(database: Database, list: StopList): StopList {
  const write = "INSERT INTO stops (one, list) VALUES (1, ?) ON CONFLICT DO UPDATE SET list = excluded.list";
  database.run(write, stopsText(list));
  return list;
}
