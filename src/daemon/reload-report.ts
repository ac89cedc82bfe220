// What a reload changed, or why it did not.

import { ConfigurationError, configurationDifference } from "../config/index.ts";
import type { Configuration } from "../config/index.ts";
import type { Log } from "../telemetry/index.ts";

const maxProblems = 20;

/** For the audit record and the log line of a reload. */
export function reloadRecord(before: Configuration, after: Configuration) {
  const { changed, rulesAdded, rulesRemoved } = configurationDifference(before, after);
  return { digest: after.digest, changed, rulesAdded, rulesRemoved };
}

/** A line for each problem of the new configuration, and one that says what is in force. */
export function logProblems(log: Log, error: unknown): void {
  const message = "the new configuration is not used: the last good one stays in force";
  if (!(error instanceof ConfigurationError)) return log.error("reload-failed", { message, error });
  for (const { file, line, path, message: problem } of error.problems.slice(0, maxProblems)) {
    log.error("configuration-problem", { file, line, message: path === "" ? problem : `${path}: ${problem}` });
  }
  log.error("reload-failed", { message });
}
