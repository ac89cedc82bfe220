// Audit: the record of every attempt.

export type { AuditRecord } from "./audit.ts";
export { openAuditLog } from "./open-audit-log.ts";
export type { AuditLogOptions, AuditNotice, FileAuditLog } from "./open-audit-log.ts";
