// Telemetry: the log and the metrics.

export { oncePerBurst } from "./bursts.ts";
export { createLog } from "./log.ts";
export type { Log, LogFields, LogLevel } from "./log.ts";
export { createTelemetry } from "./telemetry.ts";
export type { Telemetry } from "./telemetry.ts";
