// Telemetry: the log and the metrics.

export { createLog } from "./log.ts";
export type { Log, LogFields, LogLevel, LogOptions } from "./log.ts";
export { createTelemetry } from "./telemetry.ts";
export type { ConnectionCount, Telemetry } from "./telemetry.ts";
