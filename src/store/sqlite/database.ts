// An open database file: transactions, and how it is closed.

import { closeSync, openSync, rmSync, statSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { migrate } from "./schema.ts";

/** How long another process's transaction is waited for: the event loop waits too. */
const busyTimeoutMs = 100;

type Value = string | number | null;
type Row = Record<string, unknown>;

/** One open file. Its methods throw what SQLite throws. */
export interface Database {
  /** The first row. */
  get(sql: string, ...values: Value[]): Row | undefined;
  all(sql: string, ...values: Value[]): Row[];
  run(sql: string, ...values: Value[]): void;
  /** All or nothing; with `durable`, on the disk when it answers: without, a crash of the machine may undo it. */
  transaction<T>(durable: boolean, work: () => T): T;
  /** Whether the file that was opened still has its name. */
  isInPlace(): boolean;
  /** Takes the files of a write-ahead log that belonged to a file which is gone with it. */
  close(): void;
}

/** Opens or makes a file, 0600. Loads SQLite at the first call. */
export async function openDatabase(file: string): Promise<Database> {
  const { DatabaseSync: Sqlite } = await import("node:sqlite");
  // SQLite would make it with the mode of the umask, and its -wal and -shm with the same.
  closeSync(openSync(file, "a", 0o600));
  const database = new Sqlite(file, { timeout: busyTimeoutMs });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF");
    migrate(database);
    return databaseOf(file, database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function databaseOf(file: string, database: DatabaseSync): Database {
  const statements = new Map<string, StatementSync>();
  const opened = identityOf(file);
  // A read makes them, if nothing else did.
  database.exec("SELECT 1 FROM stops");
  const beside = ["-wal", "-shm"].map((suffix) => ({ name: file + suffix, identity: identityOf(file + suffix) }));
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (statement === undefined) statements.set(sql, (statement = database.prepare(sql)));
    return statement;
  };
  return {
    get: (sql, ...values) => prepared(sql).get(...values),
    all: (sql, ...values) => prepared(sql).all(...values),
    run: (sql, ...values) => void prepared(sql).run(...values),
    transaction(durable, work) {
      if (durable) database.exec("PRAGMA synchronous = FULL");
      try {
        return inTransaction(database, work);
      } finally {
        if (durable) database.exec("PRAGMA synchronous = NORMAL");
      }
    },
    isInPlace: () => identityOf(file) === opened,
    close() {
      const moved = identityOf(file) !== opened;
      database.close();
      if (!moved) return;
      // SQLite would write what is in them into the file that has the name now.
      for (const { name, identity } of beside) if (identityOf(name) === identity) rmSync(name, { force: true });
    },
  };
}

/** Which file has a name now; undefined for none. */
function identityOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // A full disk may have rolled it back already.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
