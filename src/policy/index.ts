// Policy: who may do what with which key.

export { createPolicy } from "./create-policy.ts";
export type { Decision, Policy, Question } from "./policy.ts";
