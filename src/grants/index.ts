// Grants: consent to restores, as documents that approvers sign with their SSH keys.

export { createGrants } from "./create-grants.ts";
export { grantNamespace, parseDocument } from "./document.ts";
export type { GrantQuestion, Grants, OpenGrant, ReadGrant, UsedGrant } from "./grants.ts";
export { asciiCondition, statementText, timeText } from "./statement.ts";
export type { Statement } from "./statement.ts";
