// The master keys that a child has told the daemon of, each by a number.

import type { MasterKey, Protection } from "../provider.ts";
import { abilities } from "./abilities.ts";

/** A master key that the daemon may ask for by its number. */
export interface KeptKey {
  masterKey: MasterKey;
  /** What protects it, as the daemon was told last. */
  told: Protection | undefined;
}

/** All of them. */
export interface KeptKeys {
  /** What the daemon is told of a reference's master key; the same number for the same reference and id. */
  describe(reference: unknown, masterKey: MasterKey): object;
  find(handle: number | undefined): KeptKey;
}

/** Begins with none. */
export function createKeptKeys(): KeptKeys {
  const kept: KeptKey[] = [];
  const handles = new Map<string, number>();

  function keep(reference: unknown, masterKey: MasterKey): number {
    const name = `${JSON.stringify(reference)} ${masterKey.id}`;
    const handle = handles.get(name) ?? kept.push({ masterKey, told: undefined }) - 1;
    handles.set(name, handle);
    // The newest answer for a reference counts: an older object may hold what is gone.
    kept[handle] = { masterKey, told: undefined };
    return handle;
  }

  return {
    describe(reference, masterKey) {
      const { id, wrapLimit } = masterKey;
      const handle = keep(reference, masterKey);
      const can = abilities.filter((name) => typeof masterKey[name] === "function");
      return { handle, id, wrapLimit, abilities: can, ...newsOf(kept[handle]!) };
    },
    find(handle) {
      const found = kept[handle!];
      if (found) return found;
      throw new TypeError("a call for a master key that this process never told of");
    },
  };
}

/** What protects the master key, where that is not what was told last. */
export function newsOf(one: KeptKey): { readonly protection?: Protection } {
  const { protection } = one.masterKey;
  if (!protection) return {};
  const { level, authenticated } = protection;
  if (level === one.told?.level && authenticated === one.told.authenticated) return {};
  one.told = { level, authenticated };
  return { protection: one.told };
}
