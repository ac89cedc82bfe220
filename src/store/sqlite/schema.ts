// The tables of the store, and how an older file comes to have them.

import type { DatabaseSync } from "node:sqlite";

/** Each step is carried out once, in order; `user_version` says how many were. A step that was released never changes. */
const steps = [
  `CREATE TABLE counters (
     name TEXT NOT NULL, window_ms INTEGER NOT NULL, window INTEGER NOT NULL, taken INTEGER NOT NULL,
     PRIMARY KEY (name, window_ms)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE members (
     name TEXT NOT NULL, window_ms INTEGER NOT NULL, member TEXT NOT NULL,
     PRIMARY KEY (name, window_ms, member)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE stops (one INTEGER PRIMARY KEY CHECK (one = 1), list TEXT NOT NULL) STRICT;
   CREATE TABLE grants (
     id TEXT PRIMARY KEY, document TEXT NOT NULL, until_ms INTEGER NOT NULL,
     uses INTEGER NOT NULL DEFAULT 0, revoked_at_ms INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE grant_uses (
     grant_id TEXT NOT NULL, envelope TEXT NOT NULL, PRIMARY KEY (grant_id, envelope)
   ) STRICT, WITHOUT ROWID;`,
];

/** A file that a later version wrote. */
class NewerSchema extends Error {
  override readonly name = "NewerSchema";
}

/** Brings a database to the newest schema; two processes may do so at once. Throws NewerSchema. */
export function migrate(database: DatabaseSync): void {
  if (versionOf(database) === steps.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = versionOf(database);
    if (version > steps.length) throw new NewerSchema(`the store has schema ${version}, this version ${steps.length}`);
    for (const step of steps.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${steps.length}; COMMIT`);
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  return database.prepare("PRAGMA user_version").get()!["user_version"] as number;
}
