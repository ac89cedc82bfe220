// Forgets branch keys: all of a key's, or those that a master key's change or loss makes worthless.

import type { MasterKeyAddress } from "./broker.ts";
import { listedName } from "./keyring.ts";
import type { Key, Keyring, KeyState, Listed } from "./keyring.ts";
import type { BrokerObserver } from "./observer.ts";
import type { OpenProviders } from "./providers.ts";

/** Forgets a key's branch keys. Loads under way are neither kept nor answered. */
export function forget({ branches, cache, loads }: KeyState): void {
  branches.clear();
  cache.clear();
  loads.clear();
}

/** Forgets after a change to a master key, whatever came of it: when it failed, nobody knows whether it was made. */
export async function forgetting<T>(keyring: Keyring, address: MasterKeyAddress, change: Promise<T>): Promise<T> {
  try {
    return await change;
  } finally {
    for (const key of keysWith(keyring, address.provider, address.masterKeyId)) forget(key.state);
  }
}

/**
 * Forgets at once what was wrapped for a master key that is told disabled. What is under way is answered where another
 * recipient gave it, and not kept. Answers what ends the watch.
 */
export function watchDisabled(providers: OpenProviders, keyring: Keyring, observer: BrokerObserver): () => void {
  const ends = [...providers].map(([provider, { health, kind }]) =>
    health.onDisabled((masterKeyId) => {
      for (const { configuration, state } of keysWith(keyring, provider, masterKeyId)) {
        state.branches.drop(listedName(kind.number, masterKeyId));
        state.cache.clear();
        state.loads.keepNothing();
        observer.purged(configuration.name, provider);
      }
    }),
  );
  return () => ends.forEach((end) => end());
}

function keysWith(keyring: Keyring, provider: string, masterKeyId: string): readonly Key[] {
  const isIt = (listed: Listed) => listed.provider.guard.name === provider && listed.masterKey.id === masterKeyId;
  return [...keyring.values()].filter((key) => [...key.listed.values()].some(isIt));
}
