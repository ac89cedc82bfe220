// An audit log that keeps nothing.

import type { FileAuditLog } from "../../../src/audit/index.ts";

const nothing = Promise.resolve();

export function openAuditLog(): FileAuditLog {
  return {
    log: "none",
    append: () => nothing,
    reopen: () => nothing,
    sinks: () => [],
    close: () => nothing,
  };
}
