// The log: JSON lines on standard error, text on a terminal, made of known fields alone.

import { pino } from "pino";
import type { DestinationStream } from "pino";
import { createBursts } from "./bursts.ts";
import { recordOf } from "./log-record.ts";
import { lineOf } from "./log-text.ts";

/** How much is logged: this level and those before it. */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** All that a record may hold. A field that is not here is not logged, whatever the types say. */
export interface LogFields {
  /** A sentence for people, of our own making: what happened and what to do. */
  readonly message?: string;
  readonly listener?: string;
  readonly address?: string;
  readonly operation?: string;
  readonly outcome?: string;
  readonly key?: string;
  readonly provider?: string;
  readonly file?: string;
  readonly line?: number;
  readonly variable?: string;
  readonly digest?: string;
  readonly changed?: readonly string[];
  readonly rulesAdded?: readonly string[];
  readonly rulesRemoved?: readonly string[];
  readonly version?: string;
  readonly signal?: string;
  readonly process?: number;
  readonly durationMs?: number;
  readonly validTo?: string;
  /** Whatever was thrown; see log-record.ts for what of it is logged. */
  readonly error?: unknown;
}

/** Writes records. Events are kebab-case words that others search for; none of the methods throws. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  /** A reload may change it. */
  setLevel(level: LogLevel): void;
  /** Writes what is pending, at once: before the process ends. */
  flush(): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Text for people instead of JSON. */
  readonly text: boolean;
  /** Where to, for tests; else standard error. */
  readonly stream?: DestinationStream;
}

/** Bytes that wait for a reader of standard error which has stopped reading; later records are dropped. */
const maxPendingBytes = 1 << 20;

/** Opens the log. It never waits for whoever reads it, and drops records of an event that comes in bursts. */
export function createLog({ level, text, stream }: LogOptions): Log {
  const standardError =
    stream === undefined ? pino.destination({ dest: 2, sync: false, maxLength: maxPendingBytes }) : undefined;
  standardError?.on("error", () => undefined);
  const target = stream ?? standardError!;
  const destination = text ? { write: (record: string) => void target.write(lineOf(record)) } : target;
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: labelled } };
  const logger = pino(options, destination);
  const bursts = createBursts(() => performance.now());
  const write = (at: LogLevel) => (event: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(at)) return;
    const suppressed = bursts.admit(event);
    if (suppressed !== undefined) logger[at](recordOf(event, fields, suppressed));
  };
  return {
    error: write("error"),
    warn: write("warn"),
    info: write("info"),
    debug: write("debug"),
    setLevel: (next) => void (logger.level = next),
    flush() {
      try {
        standardError?.flushSync();
      } catch {
        // Nobody reads, or a write is under way: there is no other place to say so.
      }
    },
  };
}

function labelled(label: string): { level: string } {
  return { level: label };
}
