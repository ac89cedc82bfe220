// What a rule's key pattern means: the configuration's checks and the policy share this.

import type { Permission } from "./configuration.ts";

/** Whether a permission is about one key. Those that are not are granted by rules whose keys are `*` alone. */
export function namesKey(permission: Permission): boolean {
  return permission !== "admin.status" && !permission.startsWith("admin.grants.");
}

/** Operations whose caller says what the data key is for. */
const withContext: ReadonlySet<Permission> = new Set<Permission>(["wrap", "unwrap", "generate", "check"]);

/** Whether the operation of a permission brings a context: rules with conditions never allow the others. */
export function bringsContext(permission: Permission): boolean {
  return withContext.has(permission);
}

/** Operations on an envelope. */
const withEnvelope: ReadonlySet<Permission> = new Set<Permission>(["unwrap", "rewrap", "check", "inspect"]);

/** Whether the operation of a permission brings an envelope: grants count envelopes. */
export function bringsEnvelope(permission: Permission): boolean {
  return withEnvelope.has(permission);
}

/** Whether a pattern covers a key: an exact name, `prefix/*` for all names below it at any depth, `*` for all. */
export function covers(pattern: string, key: string): boolean {
  return patternsCovering(key).includes(pattern);
}

/** Every pattern that covers a key: for `a/b/c` these are `*`, `a/b/c`, `a/*` and `a/b/*`. */
export function patternsCovering(key: string): string[] {
  const prefixes = [...key.matchAll(/\//g)].map(({ index }) => `${key.slice(0, index)}/*`);
  return ["*", key, ...prefixes];
}
