// Policy: who may do what with which key.

export { conditionHolds } from "./conditions.ts";
export { createPolicy } from "./create-policy.ts";
export { explain } from "./explain.ts";
export type { Explanation } from "./explain.ts";
export { reviewPolicy } from "./review.ts";
export type { PolicyReview } from "./review.ts";
