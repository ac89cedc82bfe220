// The parts of Cloud KMS's messages that this provider reads, as the library decodes them.

import { versionOf } from "./key-name.ts";
import type { Service } from "./service.ts";

/** A CryptoKeyVersion. */
export interface Version {
  readonly name?: string | null;
  readonly state?: string | null;
  readonly protectionLevel?: string | null;
  readonly createTime?: { readonly seconds?: unknown; readonly nanos?: unknown } | null;
}

/** A CryptoKey. */
export interface Key {
  readonly name?: string | null;
  readonly purpose?: string | null;
  readonly primary?: Version | null;
}

/** What Cloud KMS told last of a key, for those who may not wait for it to be asked again. */
export interface Seen {
  /** The primary version's id; empty until it was told. */
  primary: string;
  /** `software`, `hsm`, `external` …; undefined until it was told. */
  level: string | undefined;
}

/** Asks for the key itself. Throws what `call` throws. */
export function readKey(service: Service, name: string, signal: AbortSignal, onDate?: (date: string) => void) {
  const call = { method: "getCryptoKey", purpose: "read", routing: ["name", name], request: { name } } as const;
  return service.call<Key>({ ...call, ...(onDate && { onDate }) }, signal);
}

/** The permissions among `wanted` that these credentials have on the key. */
export async function heldPermissions(
  service: Service,
  name: string,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const request = { resource: name, permissions: wanted };
  const routing = ["resource", name] as const;
  const call = { method: "testIamPermissions", purpose: "read", routing, request } as const;
  const { permissions } = await service.call<{ readonly permissions?: readonly string[] | null }>(call, signal);
  return permissions ?? [];
}

/** Remembers the primary version as an answer told it. */
export function note(seen: Seen, key: string, { primary }: Key): void {
  seen.primary = versionOf(key, primary?.name) ?? "";
  if (typeof primary?.protectionLevel === "string") seen.level = primary.protectionLevel.toLowerCase();
}

/** Versions by their numbers, the newest last. */
export function byNumber(one: string, other: string): number {
  return Number(one) - Number(other);
}
