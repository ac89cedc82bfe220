// Durations as flags and variables have them.

import { InvalidArgumentError } from "commander";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const maxMs = 24 * 3_600_000;

/** `500ms`, `30s`, `5m` or `1h` in milliseconds: above 0, at most a day. Throws what commander takes for a wrong argument. */
export function durationMs(text: string): number {
  const [, count, unit] = /^([0-9]{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const milliseconds = Number(count) * (unitsMs[unit ?? ""] ?? NaN);
  if (milliseconds > 0 && milliseconds <= maxMs) return milliseconds;
  throw new InvalidArgumentError(`"${text}" is no duration: write 500ms, 30s, 5m or 1h; at most 24h`);
}
