// What a log costs afterwards: its bytes, and the time to verify it.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { keybroker } from "../../backends/keybroker.ts";

/** A verified folder. */
export interface LogFigures {
  readonly records: number;
  readonly bytesPerRecord: number;
  /** Of the whole command, its start included. */
  readonly verifiedPerSecond: number;
}

/** Verifies with the command, as an auditor does. */
export async function measureLog(folder: string): Promise<LogFigures> {
  const key = join(folder, "checkpoint-key.pem.pub");
  const startedMs = performance.now();
  const { stdout, status } = await keybroker(["audit", "verify", "--json", "--public-key", key, folder], { env: {} });
  const seconds = (performance.now() - startedMs) / 1_000;
  if (status !== 0) throw new Error(`the audit log does not hold: ${stdout.toString()}`);
  const { logs } = JSON.parse(stdout.toString()) as { logs: { from: number; to: number }[] };
  const records = logs.reduce((sum, log) => sum + log.to - log.from, 0);
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  const bytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return { records, bytesPerRecord: bytes / records, verifiedPerSecond: records / seconds };
}
