// The grammars of realm and key names: one place for envelopes, configuration and requests.

import { limits } from "./limits.ts";

/** A realm: 1 to 63 bytes of ASCII. */
const realmPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Segments parted by single slashes, none of them `.` or `..`. A slash is in no segment, so matching is linear. */
const keyNamePattern = /^(?!\.{1,2}(?:\/|$))[a-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[a-z0-9._-]+)*$/;

/** Whether this can be a realm's name: `[a-z0-9][a-z0-9-]{0,62}`. */
export function isRealm(name: string): boolean {
  return realmPattern.test(name);
}

/**
 * Whether this can be a key's name: 1 to 128 of `[a-z0-9._/-]`, without an empty, `.` or `..` segment. It is never
 * a path, but may come to stand in one.
 */
export function isKeyName(name: string): boolean {
  return name.length <= limits.maxKeyNameBytes && keyNamePattern.test(name);
}
