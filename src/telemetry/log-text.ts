// A log record as one line for people.

/** Turns a JSON record into text. */
export function lineOf(json: string): string {
  const { level, time, event, message, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const clock = String(time).slice("2026-01-01T".length, "2026-01-01T00:00:00.000".length);
  const words = Object.entries(rest).map(([name, value]) => `${name}=${shown(value)}`);
  const sentence = message === undefined ? [] : [shownText(message)];
  return `${[clock, String(level).padEnd(5), String(event), ...sentence, ...words].join(" ")}\n`;
}

function shownText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function shown(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value);
}
