// The operations: what front doors may do, through `perform` alone.

export type { CheckAnswer, RecipientAnswer } from "../broker/broker.ts";
export { check } from "./check.ts";
export { generateDataKey } from "./generate-data-key.ts";
export { getStatus } from "./get-status.ts";
export type { Caller, Facts, Graph, Service } from "./graph.ts";
export { approveGrant, listGrants, openGrant, revokeGrant } from "./grants.ts";
export { inspect } from "./inspect.ts";
export type { InspectResponse } from "./inspect.ts";
export { listKeys } from "./list-keys.ts";
export { listMasterKeyVersions } from "./master-key-versions.ts";
export type { MasterKeyVersion } from "./master-key-versions.ts";
export type { Operation } from "./operation.ts";
export { perform } from "./perform.ts";
export { requestGrant } from "./request-grant.ts";
export { rewrap } from "./rewrap.ts";
export { rotateMasterKey } from "./rotate-master-key.ts";
export type { Bounds } from "./scope.ts";
export { setMasterKeyVersionState } from "./set-master-key-version-state.ts";
export { listStops, resumeKeys, stopKeys } from "./stops.ts";
export { unwrap } from "./unwrap.ts";
export { wrap } from "./wrap.ts";
