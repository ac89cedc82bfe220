// The emergency stop.

export { openStops } from "./open-stops.ts";
export type { StopsOptions } from "./open-stops.ts";
export type { StopOutcome, StoppableKey, Stops, StopsNotice } from "./stops.ts";
