// Takes attributes out of a token's claims.

import type { JWTPayload } from "jose";

const maxValueBytes = 1_024;

/**
 * The attributes that JSON pointers (RFC 6901) find among the claims. Undefined when one of them finds no text, or one
 * that is empty or over 1,024 bytes: without it a condition could never hold, and nobody would know why.
 */
export function attributesOf(
  claims: JWTPayload,
  pointers: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const [attribute, pointer] of Object.entries(pointers)) {
    const value = at(claims, pointer);
    if (typeof value !== "string" || value === "" || Buffer.byteLength(value) > maxValueBytes) return undefined;
    found[attribute] = value;
  }
  return found;
}

function at(claims: unknown, pointer: string): unknown {
  const steps = pointer.split("/").slice(1);
  return steps.map(unescaped).reduce<unknown>((value, step) => {
    const has = typeof value === "object" && value !== null && Object.hasOwn(value, step);
    return has ? (value as Record<string, unknown>)[step] : undefined;
  }, claims);
}

function unescaped(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}
