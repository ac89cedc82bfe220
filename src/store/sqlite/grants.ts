// Grants and what was charged to them, in SQLite.

import type { GrantUse, StoredGrant } from "../store.ts";
import type { Database } from "./database.ts";

/** Kept so long after their end, so that a list still shows what was used. */
const keptMs = 30 * 86_400_000;

/** What Store.saveGrant does. */
export function saveGrant(database: Database, grant: { id: string; document: string; untilMs: number }): void {
  const write = `INSERT INTO grants (id, document, until_ms) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET document = excluded.document, until_ms = excluded.until_ms`;
  database.transaction(true, () => database.run(write, grant.id, grant.document, grant.untilMs));
}

/** What Store.grants does. */
export function grants(database: Database, nowMs: number): StoredGrant[] {
  const over = nowMs - keptMs;
  if (database.get("SELECT 1 FROM grants WHERE until_ms < ?", over) !== undefined) forget(database, over);
  const rows = database.all("SELECT id, document, until_ms, uses, revoked_at_ms FROM grants ORDER BY id");
  return rows.map((row) => ({
    id: row["id"] as string,
    document: row["document"] as string,
    untilMs: row["until_ms"] as number,
    uses: row["uses"] as number,
    revokedAtMs: (row["revoked_at_ms"] as number | null) ?? undefined,
  }));
}

/** What Store.revokeGrant does. */
export function revokeGrant(database: Database, id: string, atMs: number, untilMs: number): boolean {
  return database.transaction(true, () => {
    if (isRevoked(database, id)) return false;
    const write = `INSERT INTO grants (id, document, until_ms, revoked_at_ms) VALUES (?, '', ?, ?)
      ON CONFLICT DO UPDATE SET revoked_at_ms = excluded.revoked_at_ms`;
    database.run(write, id, untilMs, atMs);
    return true;
  });
}

/** What Store.useGrant does. */
export function useGrant(
  database: Database,
  grantId: string,
  envelope: string,
  maxUnwraps: number,
  untilMs: number,
): GrantUse {
  return database.transaction(true, () => {
    if (isRevoked(database, grantId)) return "revoked";
    const used = "SELECT 1 FROM grant_uses WHERE grant_id = ? AND envelope = ?";
    if (database.get(used, grantId, envelope) !== undefined) return "again";
    const uses = (database.get("SELECT uses FROM grants WHERE id = ?", grantId)?.["uses"] as number | undefined) ?? 0;
    if (uses >= maxUnwraps) return "spent";
    database.run("INSERT INTO grant_uses (grant_id, envelope) VALUES (?, ?)", grantId, envelope);
    const write = `INSERT INTO grants (id, document, until_ms, uses) VALUES (?, '', ?, 1)
      ON CONFLICT DO UPDATE SET uses = uses + 1`;
    database.run(write, grantId, untilMs);
    return "new";
  });
}

function isRevoked(database: Database, id: string): boolean {
  return database.get("SELECT 1 FROM grants WHERE id = ? AND revoked_at_ms IS NOT NULL", id) !== undefined;
}

function forget(database: Database, untilMs: number): void {
  database.transaction(false, () => {
    database.run("DELETE FROM grant_uses WHERE grant_id IN (SELECT id FROM grants WHERE until_ms < ?)", untilMs);
    database.run("DELETE FROM grants WHERE until_ms < ?", untilMs);
  });
}
