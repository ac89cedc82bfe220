// An issuer's public keys as they are now: from a file that may change, or from a URL with a cache.

import { readKeySet, type KeySet, type TokenConfiguration } from "../config/index.ts";
import { fetchKeySet } from "./fetch-key-set.ts";
import type { IdentityEvents } from "./identity.ts";

/** Keys of an issuer. */
export interface KeySource {
  /** Changes whenever other keys count: what was verified before must be verified again. */
  readonly generation: number;
  /** The keys that count now; undefined while there are none. Waits for a fetch only where nothing was fetched yet. */
  keys(): Promise<{ readonly set: KeySet; readonly generation: number } | undefined>;
  /** A token names a key that is not there: the issuer may have a new one. Resolves when it was looked for. */
  missed(): Promise<void>;
  /** To be called for each use. It fetches in the background what is due, and costs a comparison when nothing is. */
  touch(nowMs: number): void;
  /** Reads its file again; does nothing for URLs. Throws PemError, and keeps what it has. */
  reread(): void;
}

/** What a source needs beside its place. */
export interface KeySourceParts {
  readonly clock: () => number;
  readonly events: Pick<IdentityEvents, "unreachable">;
  /** For tests. */
  readonly fetchKeys?: typeof fetchKeySet;
}

/** Opens a source; a file is read at once. Throws PemError. */
export function openKeySource(place: TokenConfiguration["keys"], parts: KeySourceParts): KeySource {
  return "file" in place ? fileSource(place.file) : urlSource(place, parts);
}

function fileSource(file: string): KeySource {
  let set = readKeySet(file);
  let generation = 0;
  return {
    get generation() {
      return generation;
    },
    keys: () => Promise.resolve({ set, generation }),
    missed: () => Promise.resolve(),
    touch: () => undefined,
    reread() {
      set = readKeySet(file);
      generation++;
    },
  };
}

/** After this a set still counts, and is fetched again beside the calls. */
const freshMs = 5 * 60_000;
/** After this it does not count any more: an issuer that nobody reaches could have withdrawn its keys. */
const usableMs = 24 * 3_600_000;
/** From one fetch to the next, whatever tokens come. */
const pauseMs = 10_000;

interface Fetched {
  readonly set: KeySet;
  readonly text: string;
  readonly atMs: number;
}

function urlSource(place: { readonly url: string; readonly ca: string | undefined }, parts: KeySourceParts): KeySource {
  const { clock, events, fetchKeys = fetchKeySet } = parts;
  let fetched: Fetched | undefined;
  let generation = 0;
  let fetching: Promise<void> | undefined;
  /** Wall clocks are set back: a time ahead of now is no reason to wait for it. */
  let triedAtMs = -Infinity;
  let dueAtMs = -Infinity;

  async function fetchNow(): Promise<void> {
    try {
      const set = await fetchKeys(place);
      const text = JSON.stringify(set);
      if (text !== fetched?.text) generation++;
      fetched = { set, text, atMs: clock() };
      dueAtMs = fetched.atMs + freshMs;
    } catch (error) {
      dueAtMs = clock() + pauseMs;
      events.unreachable(place.url, isUsable(clock()), error as Error);
    }
  }

  function isUsable(nowMs: number): boolean {
    return fetched !== undefined && Math.abs(nowMs - fetched.atMs) < usableMs;
  }

  /** Joins a fetch that is under way; begins none within the pause. */
  function refresh(nowMs: number): Promise<void> {
    if (fetching !== undefined) return fetching;
    if (Math.abs(nowMs - triedAtMs) < pauseMs) return Promise.resolve();
    triedAtMs = nowMs;
    return (fetching = fetchNow().finally(() => (fetching = undefined)));
  }

  function touch(nowMs: number): void {
    if (nowMs < dueAtMs && dueAtMs - nowMs <= freshMs) return;
    if (fetched !== undefined && !isUsable(nowMs)) {
      fetched = undefined;
      generation++;
    }
    void refresh(nowMs);
  }

  touch(clock());
  return {
    get generation() {
      return generation;
    },
    async keys() {
      touch(clock());
      if (fetched === undefined) await refresh(clock());
      return fetched && { set: fetched.set, generation };
    },
    missed: () => refresh(clock()),
    touch,
    reread: () => undefined,
  };
}
