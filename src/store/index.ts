// The store: what processes share and what must survive them.

export { openSqliteStore as openStore } from "./sqlite/open-sqlite-store.ts";
export { changed, newer, noStops, parseStops, stopsText } from "./stop-list.ts";
export type * from "./store.ts";
