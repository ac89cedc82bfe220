// What a rule's key pattern means: the configuration's checks and the policy share this.

import type { Permission } from "./configuration.ts";

/** Whether a permission is about one key. Those that are not are granted by rules whose keys are `*` alone. */
export function namesKey(permission: Permission): boolean {
  return permission !== "admin.status";
}

/** Whether a pattern covers a key: an exact name, `prefix/*` for all names below it at any depth, `*` for all. */
export function covers(pattern: string, key: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith("/*") ? key.startsWith(pattern.slice(0, -1)) : pattern === key;
}
