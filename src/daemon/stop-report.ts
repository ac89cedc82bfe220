// Emergency stops and the store, for status, metrics and the audit.

import type { AuditRecord } from "../audit/index.ts";
import type { Stops, StopsNotice } from "../stops/index.ts";

/** For the gauges. */
export function stopState(stops: Stops): { readonly stops: number; readonly storeReachable: boolean } {
  const { all, keys } = stops.list();
  return { stops: keys.size + (all === undefined ? 0 : 1), storeReachable: stops.known() };
}

/** For GetStatus. */
export function stopWarnings(stops: Stops): string[] {
  const { all, keys } = stops.list();
  const lost = "the store does not answer: known stops stay in force, and quotas are counted in memory";
  return [
    ...(all === undefined ? [] : [`all keys are stopped since ${new Date(all.atMs).toISOString()}: they open nothing`]),
    ...[...keys].map(
      ([key, { atMs }]) => `key ${key} is stopped since ${new Date(atMs).toISOString()}: it opens nothing`,
    ),
    ...(stops.known() ? [] : [lost]),
  ];
}

/** What the audit says of a stop, also of another process's: each log tells when its own process knew. */
export function stopRecord({ event, keys = [], epoch, by, reason }: StopsNotice): AuditRecord | undefined {
  if (event !== "stopped" && event !== "resumed") return undefined;
  const details = { keys, epoch, ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) };
  return { event: event === "stopped" ? "key-stopped" : "key-resumed", details };
}
