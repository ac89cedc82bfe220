// The store in a SQLite file, which several processes of one machine may share.

import { BrokerError } from "../../errors/index.ts";
import type { Store } from "../store.ts";
import { addDistinct, lease } from "./counters.ts";
import { openDatabase, type Database } from "./database.ts";
import { grants, revokeGrant, saveGrant, useGrant } from "./grants.ts";
import { adoptStops, setStop, stops } from "./stops.ts";

/** After a failure it is left alone for so long: to wait for a file that does not answer stops everyone. */
const restMs = 250;

/**
 * The store in a file. It is opened at the first call, and again after a failure or when another file has its name:
 * while it cannot be, calls throw STORE_UNAVAILABLE. `now` is a clock in milliseconds.
 */
export function openSqliteStore(file: string, now: () => number = () => performance.now()): Store {
  let open: Database | undefined;
  let opening: Promise<Database> | undefined;
  let closed = false;
  let failure: unknown;
  let restUntilMs = -Infinity;

  async function ask<T>(work: (database: Database) => T): Promise<T> {
    if (closed) throw unavailable(file, "it is closed");
    if (now() < restUntilMs) throw unavailable(file, codeOf(failure), failure);
    try {
      return work(await database());
    } catch (error) {
      if (closed) throw unavailable(file, "it is closed");
      giveUp(error);
      throw unavailable(file, codeOf(error), error);
    }
  }

  /** A removed or replaced file would take what is written to its grave. */
  async function database(): Promise<Database> {
    if (open?.isInPlace() === false) drop();
    if (open !== undefined) return open;
    opening ??= openDatabase(file).finally(() => (opening = undefined));
    const opened = await opening;
    if (closed) opened.close();
    return (open = opened);
  }

  function drop(): void {
    const dropped = open;
    open = undefined;
    try {
      dropped?.close();
    } catch {
      // What it could not write is lost with it.
    }
  }

  function giveUp(error: unknown): void {
    failure = error;
    restUntilMs = now() + restMs;
    drop();
  }

  return {
    lease: (...asked) => ask((database) => lease(database, ...asked)),
    addDistinct: (...asked) => ask((database) => addDistinct(database, ...asked)),
    stops: () => ask(stops),
    setStop: (change) => ask((database) => setStop(database, change)),
    adoptStops: (list) => ask((database) => adoptStops(database, list)),
    saveGrant: (grant) => ask((database) => saveGrant(database, grant)),
    grants: (nowMs) => ask((database) => grants(database, nowMs)),
    revokeGrant: (...asked) => ask((database) => revokeGrant(database, ...asked)),
    useGrant: (...asked) => ask((database) => useGrant(database, ...asked)),
    close() {
      closed = true;
      drop();
      return Promise.resolve();
    },
  };
}

function unavailable(file: string, why: string, cause?: unknown): BrokerError {
  const message = `the store ${file} cannot be used: ${why}`;
  return new BrokerError("STORE_UNAVAILABLE", message, { retryAfterMs: 1_000, ...(cause !== undefined && { cause }) });
}

/** Such as ENOENT, or SQLite's own words. */
function codeOf(error: unknown): string {
  const { code, errstr, name } = (error ?? {}) as { code?: string; errstr?: string; name?: string };
  return errstr ?? code ?? name ?? "unknown";
}
