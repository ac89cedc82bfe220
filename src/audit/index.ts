// Audit: the record of every attempt, and what is read out of it afterwards.

export type { AuditRecord } from "./audit.ts";
export { follow, linesOf, partsOf } from "./follow.ts";
export type { Position } from "./follow.ts";
export { decodeVerifier } from "./note.ts";
export type { NoteVerifier } from "./note.ts";
export { openAuditLog } from "./open-audit-log.ts";
export type { AuditLogOptions, AuditNotice, FileAuditLog } from "./open-audit-log.ts";
export { verifyAudit } from "./verify.ts";
export type { VerifyReport } from "./verify.ts";
