// The client library: what `keybroker/client` exports.

export { createClient } from "./client.ts";
export { KeybrokerError } from "./error.ts";
export type { StatusName } from "./error.ts";
export type { Reason } from "../errors/reason.ts";
export type * from "./stop-types.ts";
export type * from "./types.ts";
