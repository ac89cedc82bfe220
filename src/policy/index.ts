// Policy: who may do what with which key.

export { createPolicy } from "./create-policy.ts";
export { covers, namesKey } from "./patterns.ts";
export type { Decision, Policy, Question } from "./policy.ts";
