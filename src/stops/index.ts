// The emergency stop.

export { openStops } from "./open-stops.ts";
export type { StoppableKey, Stops, StopsNotice } from "./stops.ts";
