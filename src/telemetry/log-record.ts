// What a log record may hold: an allow-list of fields, and of an error what cannot be a secret.

import { isBrokerError } from "../errors/index.ts";
import type { LogFields } from "./log.ts";

const maxTextLength = 400;
const maxListLength = 50;
const maxCauses = 4;

/** Listed by hand, so that an object with more fields than its type says gives nothing away. */
const names = {
  message: true,
  listener: true,
  address: true,
  operation: true,
  outcome: true,
  key: true,
  provider: true,
  file: true,
  line: true,
  variable: true,
  digest: true,
  changed: true,
  rulesAdded: true,
  rulesRemoved: true,
  version: true,
  signal: true,
  process: true,
  durationMs: true,
  validTo: true,
} satisfies Record<Exclude<keyof LogFields, "error">, true>;

/** Our own errors by name: their messages are made for people, from nothing secret. */
const ownErrors = new Set(["BrokerError", "ListenError", "ConfigurationError", "StartError", "SelfCheckError"]);

/** Errors of the language: their messages speak of code. */
const languageErrors = new Set(["TypeError", "ReferenceError", "AssertionError"]);

/** Makes a record. `suppressed` counts the records of this event that were dropped before it. */
export function recordOf(event: string, fields: LogFields = {}, suppressed = 0): Record<string, unknown> {
  const record: Record<string, unknown> = { event };
  for (const name of Object.keys(names) as (keyof typeof names)[]) {
    const value = plain(fields[name]);
    if (value !== undefined) record[name] = value;
  }
  if (fields.error !== undefined) record["error"] = errorRecord(fields.error);
  if (suppressed > 0) record["suppressed"] = suppressed;
  return record;
}

function plain(value: unknown): unknown {
  if (typeof value === "string") return clean(value);
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, maxListLength).map((item) => clean(String(item)));
}

/** One line of bounded length: no caller's text can forge a record on a terminal. */
function clean(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is taken out
  const visible = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  return visible.length > maxTextLength ? `${visible.slice(0, maxTextLength)}…` : visible;
}

/** An error and its causes, the outermost first. */
function errorRecord(error: unknown): unknown {
  const causes: unknown[] = [];
  for (let one = error; one !== undefined && causes.length < maxCauses; one = causeOf(one)) causes.push(describe(one));
  const [first, ...rest] = causes as Record<string, unknown>[];
  return rest.length === 0 ? first : { ...first, causes: rest };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/**
 * A message is logged only where it is ours, the system's (`ECONNREFUSED: …`) or the language's. Those of libraries
 * may quote what they were given (`Received '…'`), so of theirs the name, the code and the place must do.
 */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code } = error as NodeJS.ErrnoException;
  const ours = isBrokerError(error);
  const told = ours || ownErrors.has(error.name) || languageErrors.has(error.name) || isSystemCode(code);
  return {
    name: clean(error.name),
    ...(ours && { reason: error.reason }),
    ...(typeof code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) && { code }),
    ...(told && { message: clean(error.message) }),
    ...(!ours && { at: placeOf(error) }),
  };
}

function isSystemCode(code: unknown): boolean {
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code);
}

/** The first frames of the stack, without the message above them. */
function placeOf(error: Error): string[] {
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at [^\n]*:\d+:\d+\)?$/.test(line));
  return frames.slice(0, 5).map((frame) => clean(frame.trim().slice("at ".length)));
}
