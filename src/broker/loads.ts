// Loads of opening keys under way: calls for one branch key share one, and a purge makes them worthless.

import { purged } from "./branch-keys.ts";
import type { OpeningKey } from "./unwrap-cache.ts";

/** One key's loads. */
export class Loads {
  readonly #shared = new Map<string, Promise<OpeningKey>>();
  #generation = 0;

  /**
   * Loads an opening key, or joins the load of an equal branch header. A load runs to its own end whoever still waits
   * for it: the provider's deadline bounds it, and what it brings serves the caller's next try.
   */
  share(branchHeader: Uint8Array, load: () => Promise<OpeningKey>, keep: (loaded: OpeningKey) => void) {
    const name = Buffer.from(branchHeader).toString("latin1");
    const known = this.#shared.get(name);
    if (known) return known;
    const started = this.alone(load, keep).finally(() => {
      if (this.#shared.get(name) === started) this.#shared.delete(name);
    });
    this.#shared.set(name, started);
    return started;
  }

  /** Loads for one call, and keeps what came. Throws PROVIDER_UNAVAILABLE, and keeps nothing, when purged meanwhile. */
  async alone<T>(load: () => Promise<T>, keep: (loaded: T) => void = () => {}): Promise<T> {
    const generation = this.#generation;
    const loaded = await load();
    if (generation !== this.#generation) throw purged();
    keep(loaded);
    return loaded;
  }

  /** Loads under way will be answered to nobody, and joined by nobody. */
  clear(): void {
    this.#generation++;
    this.#shared.clear();
  }
}
