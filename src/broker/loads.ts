// Loads of opening keys under way: calls for one branch key share one, and a purge makes them worthless.

import { purged } from "./branch-keys.ts";
import type { OpeningKey } from "./unwrap-cache.ts";

interface Shared {
  readonly loading: Promise<OpeningKey>;
  readonly beganAtMs: number;
}

/** One key's loads. */
export class Loads {
  readonly #shared = new Map<string, Shared>();
  #generation = 0;
  #keeping = 0;

  /**
   * Loads an opening key, or joins the load of an equal branch header. A load runs to its own end whoever still waits
   * for it: the provider's deadline bounds it, and what it brings serves the caller's next try. One that began before
   * and fails says nothing of now: it is followed by another.
   */
  share(branchHeader: Uint8Array, load: () => Promise<OpeningKey>, keep: (loaded: OpeningKey) => void) {
    const name = Buffer.from(branchHeader).toString("latin1");
    const generation = this.#generation;
    const known = this.#shared.get(name);
    if (!known) return this.#begin(name, load, keep);
    if (known.beganAtMs === performance.now()) return known.loading;
    return known.loading.catch((error: unknown) => {
      if (generation !== this.#generation) throw error;
      return this.#shared.get(name)?.loading ?? this.#begin(name, load, keep);
    });
  }

  #begin(name: string, load: () => Promise<OpeningKey>, keep: (loaded: OpeningKey) => void): Promise<OpeningKey> {
    const loading = this.alone(load, keep).finally(() => {
      if (this.#shared.get(name) === shared) this.#shared.delete(name);
    });
    const shared = { loading, beganAtMs: performance.now() };
    this.#shared.set(name, shared);
    return loading;
  }

  /** Loads for one call, and keeps what came. Throws PROVIDER_UNAVAILABLE, and keeps nothing, when purged meanwhile. */
  async alone<T>(load: () => Promise<T>, keep: (loaded: T) => void = () => {}): Promise<T> {
    const generation = this.#generation;
    const keeping = this.#keeping;
    const loaded = await load();
    if (generation !== this.#generation) throw purged();
    if (keeping === this.#keeping) keep(loaded);
    return loaded;
  }

  /** What loads under way bring is answered, and not kept: the master key that it came from may be disabled by now. */
  keepNothing(): void {
    this.#keeping++;
    this.#shared.clear();
  }

  /** Loads under way will be answered to nobody, and joined by nobody. */
  clear(): void {
    this.#generation++;
    this.#shared.clear();
  }
}
