// Policy: who may do what with which key.

export { conditionHolds } from "./conditions.ts";
export { createPolicy } from "./create-policy.ts";
