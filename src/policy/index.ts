// Policy: who may do what with which key.

export { createPolicy } from "./create-policy.ts";
