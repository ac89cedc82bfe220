// The emergency stop: which keys open nothing, whatever the policy says.

import type { KeyConfiguration } from "../config/configuration.ts";
import type { StopChange, StopList } from "../store/index.ts";

/** What of a key decides whether it is stopped. */
export type StoppableKey = Pick<KeyConfiguration, "name" | "formerNames" | "onStoreLoss">;

/** A change that became known, here or through the store. */
export interface StopsNotice {
  /**
   * `stopped`, `resumed`: `keys` were; `all` means every key. `store-lost`: the store does not answer. `store-found`: it
   * does again. `mirror-failed`: the local file could not be written or read, so that a restart without the store would
   * not know of the stops.
   */
  readonly event: "stopped" | "resumed" | "store-lost" | "store-found" | "mirror-failed";
  readonly keys?: readonly string[];
  readonly epoch: number;
  /** Who asked for it and why: of stops. */
  readonly by?: string;
  readonly reason?: string;
  /** For the log. */
  readonly error?: unknown;
}

/** What became of a change. */
export interface StopOutcome {
  readonly list: StopList;
  /** Other processes learn of it now; false while the store is away: they learn of it once it is back. */
  readonly shared: boolean;
}

/** The stops in force in this process. */
export interface Stops {
  /**
   * Throws KEY_STOPPED for a key that is stopped under its present or a former name, and STORE_UNAVAILABLE for one that
   * may not be opened while the store is away. Asked before anything is opened: unwrap, rewrap and check.
   */
  refuse(key: StoppableKey): void;
  list(): StopList;
  /**
   * Makes a change. A stop is in force here at once, before it is kept anywhere. Throws STORE_UNAVAILABLE when it could
   * be kept neither in the store nor in the local file; a stop is in force here until the process ends even then.
   */
  set(change: StopChange): Promise<StopOutcome>;
  /** Whether all stops are known: the store answered when it was last asked, or there is none. */
  known(): boolean;
  /** Calls back with each key that came to be stopped, undefined for all. Answers what ends it. */
  onStop(listener: (key: string | undefined) => void): () => void;
  /** Ends the looking. The store is not closed. */
  close(): void;
}
