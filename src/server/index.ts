// The server: every way in, and its limits.

export type { ListenerEvents } from "./address.ts";
export { ListenError } from "./listen-error.ts";
export type { ListenerParts } from "./listener.ts";
export { openListeners } from "./listeners.ts";
export type { Listeners, Prepared } from "./listeners.ts";
export { openObservatory } from "./observatory.ts";
export type { Observatory, ObservatoryParts } from "./observatory.ts";
export { standardServices } from "./services.ts";
