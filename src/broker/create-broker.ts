// Puts the broker together from a configuration, taking over what the last broker may hand on.

import { isDeepStrictEqual } from "node:util";
import type { Configuration, KeyConfiguration } from "../config/configuration.ts";
import { open } from "../envelope/index.ts";
import type { Envelope } from "../envelope/index.ts";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import { wipe } from "../secret/index.ts";
import { rotate, setVersionState, versions } from "./administer.ts";
import type { Broker, MasterKeyAddress, Scope } from "./broker.ts";
import { check } from "./check.ts";
import { checkDeep } from "./check-deep.ts";
import { createKeyring, listedName, resolve } from "./keyring.ts";
import type { Key, Keyring, KeyState, Listed } from "./keyring.ts";
import { silent } from "./observer.ts";
import type { BrokerObserver } from "./observer.ts";
import { openingKey, unwrap } from "./opening.ts";
import { probeAll } from "./probing.ts";
import { closeProviders, notIn, openProviders } from "./providers.ts";
import type { Kinds, OpenProviders } from "./providers.ts";
import { wrap } from "./sealing.ts";
import { keyStatus, providerStatus, recipientsOf } from "./status.ts";

/** What a broker is made from. */
export interface BrokerOptions {
  readonly configuration: Configuration;
  /** The broker in force until now: unchanged providers, and branch keys of unchanged keys, are taken over from it. */
  readonly previous?: Broker | undefined;
  readonly observer?: BrokerObserver | undefined;
  /** Where kinds come from; the registry, unless a test brings its own. */
  readonly kinds?: Kinds | undefined;
}

interface Parts {
  readonly configuration: Configuration;
  readonly providers: OpenProviders;
  readonly keyring: Keyring;
}

/** What is behind each broker of this module, for the next one. */
const partsOf = new WeakMap<Broker, Parts>();

/**
 * Opens the providers and makes the broker. It does not wait for backends: one that is down shows when it is needed.
 * Throws REQUEST_INVALID when a provider's settings or references cannot be right, and leaves nothing open then.
 */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const { configuration, observer = silent } = options;
  const before = options.previous && partsOf.get(options.previous);
  const kept = before?.providers ?? new Map();
  const providers = await openProviders(configuration, kept, observer, options.kinds);
  try {
    const keyring = createKeyring(
      configuration,
      providers,
      (key) => before && stateOf(key, before, configuration, providers),
    );
    await learnMasterKeys(keyring);
    const parts = { configuration, providers, keyring };
    const broker = brokerOf(parts, observer);
    partsOf.set(broker, parts);
    return broker;
  } catch (error) {
    await closeProviders(providers, kept);
    throw error;
  }
}

/** The state of a key that has not changed, nor anything beneath it. */
function stateOf(
  key: KeyConfiguration,
  before: Parts,
  { realm, acceptRealms }: Configuration,
  providers: OpenProviders,
): KeyState | undefined {
  const old = before.configuration.keys.get(key.name);
  const realms = [before.configuration.realm, before.configuration.acceptRealms];
  if (!old || !isDeepStrictEqual(old, key) || !isDeepStrictEqual(realms, [realm, acceptRealms])) return undefined;
  const names = [...key.wrapTo, ...key.unwrapOnly].map(({ provider }) => provider);
  const same = names.every((name) => before.providers.get(name)?.provider === providers.get(name)?.provider);
  return same ? before.keyring.get(old)?.state : undefined;
}

/**
 * Asks for all master keys, and waits only for providers that answer without a backend: a reference that those
 * do not know is a fault of the configuration, told before it is in force.
 */
async function learnMasterKeys(keyring: Keyring): Promise<void> {
  const faults: BrokerError[] = [];
  for (const key of keyring.values()) {
    for (const slot of key.slots) resolve(key, slot).catch((error: BrokerError) => faults.push(error));
  }
  await new Promise((resume) => setImmediate(resume));
  const invalid = faults.map(({ cause }) => cause).find(isInvalid);
  if (invalid) throw invalid;
}

function isInvalid(error: unknown): error is BrokerError {
  return isBrokerError(error) && error.reason === "REQUEST_INVALID";
}

function brokerOf(parts: Parts, observer: BrokerObserver): Broker {
  const { configuration, providers, keyring } = parts;
  const sealing = { realm: configuration.realm, observer };
  const opening = { realms: configuration, observer };
  const names = namesOf(configuration);
  let closed = false;
  const unwatch = watchDisabled(parts, observer);
  /** Whether any call came: else nobody can be under way. */
  let used = false;

  function find(configured: KeyConfiguration): Key {
    const key = keyring.get(configured);
    if (closed) throw new BrokerError("DRAINING", "keybroker is stopping: try again when it is back");
    if (!key) throw new BrokerError("INTERNAL", `key ${configured.name} is of another configuration`);
    used = true;
    return key;
  }

  async function rewrap(configured: KeyConfiguration, envelope: Envelope, scope: Scope): Promise<Uint8Array> {
    const key = find(configured);
    const { sealKey } = await openingKey(key, opening, envelope, scope);
    const { dataKey, contextHash } = open(envelope, sealKey);
    try {
      return await wrap(key, sealing, dataKey, contextHash, scope);
    } finally {
      wipe(dataKey);
    }
  }

  /** Calls of the configuration that was replaced end first: each lives no longer than the call timeout. */
  async function retire(kept: OpenProviders): Promise<void> {
    const leaving = notIn(providers, kept);
    if (leaving.length > 0 && used)
      await new Promise((done) => setTimeout(done, configuration.limits.callTimeoutMs).unref());
    await Promise.all(leaving.map(({ guard }) => guard.idle()));
  }

  function purge(configured?: KeyConfiguration): void {
    const key = configured && keyring.get(configured);
    for (const { state } of key ? [key] : keyring.values()) forget(state);
  }

  /** What a change was, nobody knows when it failed: the next wrap finds out. */
  async function purging<T>({ provider, masterKeyId }: MasterKeyAddress, change: Promise<T>): Promise<T> {
    try {
      return await change;
    } finally {
      for (const key of keysWith(keyring, provider, masterKeyId)) forget(key.state);
    }
  }

  return {
    key: (name) => names.get(name),
    wrap: (key, dataKey, contextHash, scope) => wrap(find(key), sealing, dataKey, contextHash, scope),
    unwrap: (key, envelope, contextHash, scope) => unwrap(find(key), opening, envelope, contextHash, scope),
    rewrap,
    check: async (key, envelope, contextHash, deep, scope) =>
      await (deep ? checkDeep : check)(find(key), opening, envelope, contextHash, scope),
    recipientsOf: (key, envelope) => recipientsOf(keyring.get(key), providers, envelope),
    purge,
    versions: async (address, scope) => await versions(find(address.key), address, scope),
    async rotate(address, scope) {
      return await purging(address, rotate(find(address.key), address, scope));
    },
    async setVersionState(address, version, state, scope) {
      await purging(address, setVersionState(find(address.key), address, { version, state }, scope));
    },
    probe: async () => await probeAll(keyring, sealing),
    keys: () => [...keyring.values()].map(keyStatus),
    providers: () => [...providers.values()].map((provider) => providerStatus(provider, keyring)),
    async close(keep) {
      const kept = keep && partsOf.get(keep);
      if (kept) await retire(kept.providers);
      closed = true;
      unwatch();
      const states = new Set([...(kept?.keyring.values() ?? [])].map(({ state }) => state));
      for (const { state } of keyring.values()) if (!states.has(state)) forget(state);
      await closeProviders(providers, kept?.providers ?? new Map());
    },
  };
}

/** Branch keys of a master key that was told disabled are forgotten at once. Answers what ends the watch. */
function watchDisabled({ providers, keyring }: Parts, observer: BrokerObserver): () => void {
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

function forget({ branches, cache, loads }: KeyState): void {
  branches.clear();
  cache.clear();
  loads.clear();
}

/** Keys by present and former names. */
function namesOf({ keys }: Configuration): ReadonlyMap<string, KeyConfiguration> {
  const former = [...keys.values()].flatMap((key) => key.formerNames.map((name) => [name, key] as const));
  return new Map([...former, ...keys]);
}
