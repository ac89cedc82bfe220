// Keeps what opened envelopes: bounded in number and in time, found by the whole branch header alone.

import type { KeyObject } from "node:crypto";
import { commitmentEquals } from "../envelope/index.ts";
import type { Envelope } from "../envelope/index.ts";
import { copy } from "../secret/index.ts";

/** What opens the envelopes of one branch key. The branch key itself is gone. */
export interface OpeningKey {
  readonly sealKey: KeyObject;
  /** The master key's version that opened the branch key. */
  readonly version: string;
  readonly rewrapDue: boolean;
}

interface Entry extends OpeningKey {
  readonly branchHeader: Buffer;
  readonly expiresAtMs: number;
}

/** One key's opening keys. */
export interface UnwrapCache {
  /** False when every unwrap is to reach the provider. */
  readonly enabled: boolean;
  /** The opening key of an envelope whose branch header, rows 1–15, is equal byte for byte. */
  find(envelope: Envelope): OpeningKey | undefined;
  /** Keeps an opening key until `maxAgeMs` after `loadedAtMs` (performance.now()), whatever happens meanwhile. */
  keep(branchHeader: Uint8Array, opening: OpeningKey, loadedAtMs: number): void;
  clear(): void;
}

/** An empty cache; `maxAgeMs` 0 or `maxEntries` 0 keep nothing. */
export function createUnwrapCache({ maxAgeMs, maxEntries }: { maxAgeMs: number; maxEntries: number }): UnwrapCache {
  const enabled = maxAgeMs > 0 && maxEntries > 0;
  // By commitment, 32 bytes that differ for every branch key: cheaper to look up than the whole header.
  const entries = new Map<string, Entry>();
  let newest: Entry | undefined;
  let sweep: NodeJS.Timeout | undefined;

  /** Expired keys leave memory even when nobody asks for them again. */
  function sweepLater(): void {
    if (sweep || entries.size === 0) return;
    sweep = setTimeout(() => {
      sweep = undefined;
      const now = performance.now();
      for (const [name, entry] of entries) if (entry.expiresAtMs <= now) entries.delete(name);
      sweepLater();
    }, maxAgeMs);
    sweep.unref();
  }

  /** The least recently used entry is the map's first. */
  function touch(name: string, entry: Entry): void {
    if (entry === newest) return;
    entries.delete(name);
    entries.set(name, entry);
    newest = entry;
  }

  return {
    enabled,
    find(envelope) {
      const name = nameOf(envelope.commitment);
      const entry = entries.get(name);
      if (!entry || !commitmentEquals(entry.branchHeader, envelope.branchHeader)) return undefined;
      if (entry.expiresAtMs <= performance.now()) {
        entries.delete(name);
        return undefined;
      }
      touch(name, entry);
      return entry;
    },
    keep(branchHeader, opening, loadedAtMs) {
      if (!enabled) return;
      const entry = { ...opening, branchHeader: copy(branchHeader), expiresAtMs: loadedAtMs + maxAgeMs };
      touch(nameOf(branchHeader.subarray(-32)), entry);
      if (entries.size > maxEntries) entries.delete(entries.keys().next().value!);
      sweepLater();
    },
    clear() {
      entries.clear();
      newest = undefined;
      clearTimeout(sweep);
      sweep = undefined;
    },
  };
}

function nameOf(commitment: Uint8Array): string {
  const bytes = Buffer.isBuffer(commitment) ? commitment : Buffer.from(commitment);
  return bytes.toString("latin1");
}
