// Sinks: audit records sent on to syslog and OpenTelemetry collectors, from the files.

import { RunningSink, type RunOptions } from "./run-sink.ts";
import type { SinkState } from "./sink.ts";
import type { SyslogAddress } from "./syslog.ts";

export type { SinkState } from "./sink.ts";

/** Which sinks there are. */
export interface SinkSettings {
  readonly syslog?: SyslogAddress | undefined;
  readonly otlp?: { readonly endpoint: string } | undefined;
}

/** What sinks are started with. */
export interface SinksOptions {
  /** The audit folder. */
  readonly folder: string;
  readonly settings: SinkSettings;
  readonly version: string;
  /** A sink cannot be reached, with the system's code; it can again. Told once each. */
  readonly failed: (sink: string, code: string) => void;
  readonly recovered: (sink: string) => void;
  /** Between two looks at the folder, in milliseconds: for tests. */
  readonly everyMs?: number;
}

/** Sinks at work. */
export interface Sinks {
  states(): readonly SinkState[];
  /** Sends what stands there, for two seconds at most, and ends. */
  close(): Promise<void>;
}

/** Starts all of them. Their libraries are loaded when there is something to send. */
export function startSinks(options: SinksOptions): Sinks {
  const { folder, settings, version, everyMs } = options;
  const start = (sink: string, open: RunOptions["open"]) =>
    new RunningSink({
      ...{ folder, sink, open },
      failed: (code) => options.failed(sink, code),
      recovered: () => options.recovered(sink),
      ...(everyMs !== undefined && { everyMs }),
    });
  const { syslog, otlp } = settings;
  const running = [
    ...(syslog ? [start("syslog", async () => (await import("./syslog.ts")).syslogTarget(syslog))] : []),
    ...(otlp ? [start("otlp", async () => (await import("./otlp.ts")).otlpTarget(otlp.endpoint, version))] : []),
  ];
  return {
    states: () => running.map((sink) => sink.state()),
    close: async () => void (await Promise.all(running.map((sink) => sink.close()))),
  };
}
