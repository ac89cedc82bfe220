// What the broker tells the outside: for metrics and the log.

import type { Reason } from "../errors/index.ts";
import type { Notice } from "../provider/index.ts";

/** What a provider was asked to do. */
export type ProviderOperation = "masterKey" | "wrap" | "unwrap" | "probe" | "versions" | "rotate" | "setVersionState";

/** Hears of what happens. Its methods must be quick and must not throw; nothing they get holds a secret. */
export interface BrokerObserver {
  /** A provider was called, or would have been, had the guard let it. `error` is for the log. */
  providerCall(
    provider: string,
    operation: ProviderOperation,
    outcome: "done" | Reason,
    seconds: number,
    error: unknown,
  ): void;
  /** A key's branch key was made (`partial`: without every recipient), or could not be. */
  branchKey(key: string, outcome: "made" | "partial" | Reason, error: unknown): void;
  /** An envelope's branch key was loaded, or could not be. Unwraps answered from the cache are not counted here. */
  load(key: string, outcome: "done" | Reason): void;
  /** An envelope was sealed for fewer recipients than the key lists. */
  sealedShort(key: string): void;
  /** A key's branch keys were forgotten, since this provider's master key was told disabled. */
  purged(key: string, provider: string): void;
  /** A master key has made `wraps` of the `limit` wraps it may make, as far as this process knows. */
  wrapLimit(provider: string, masterKeyId: string, wraps: number, limit: number): void;
  /** A provider tells of what it found between calls. */
  notice(provider: string, notice: Notice): void;
}

/** Hears nothing. */
export const silent: BrokerObserver = {
  providerCall() {},
  branchKey() {},
  load() {},
  sealedShort() {},
  purged() {},
  wrapLimit() {},
  notice() {},
};
