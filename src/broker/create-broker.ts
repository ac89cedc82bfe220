// Puts the broker together from a configuration, taking over what the last broker may hand on.

import { isDeepStrictEqual } from "node:util";
import type { Configuration, KeyConfiguration } from "../config/configuration.ts";
import { open } from "../envelope/index.ts";
import type { Envelope } from "../envelope/index.ts";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import { wipe } from "../secret/index.ts";
import { checkAble, rotate, setVersionState, versions } from "./administer.ts";
import type { Broker, Scope } from "./broker.ts";
import { check } from "./check.ts";
import { checkDeep } from "./check-deep.ts";
import { createKeyring, resolve } from "./keyring.ts";
import type { Key, Keyring, KeyState } from "./keyring.ts";
import { silent } from "./observer.ts";
import type { BrokerObserver } from "./observer.ts";
import { openingKey, unwrap } from "./opening.ts";
import type { OpeningSetting } from "./opening.ts";
import { probeAll } from "./probing.ts";
import { closeProviders, notIn, openProviders } from "./providers.ts";
import type { Kinds, OpenProviders } from "./providers.ts";
import { forget, forgetting, watchDisabled } from "./purge.ts";
import { wrap } from "./sealing.ts";
import type { SealingSetting } from "./sealing.ts";
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
  const unwatch = watchDisabled(providers, keyring, observer);
  let closed = false;
  /** Whether any call came: else nobody can be under way. */
  let used = false;

  function find(configured: KeyConfiguration): Key {
    const key = keyring.get(configured);
    if (closed) throw new BrokerError("DRAINING", "keybroker is stopping: try again when it is back");
    if (!key) throw new BrokerError("INTERNAL", `key ${configured.name} is of another configuration`);
    used = true;
    return key;
  }

  return {
    key: (name) => names.get(name),
    wrap: (key, dataKey, contextHash, scope) => wrap(find(key), sealing, dataKey, contextHash, scope),
    unwrap: (key, envelope, contextHash, scope) => unwrap(find(key), opening, envelope, contextHash, scope),
    rewrap: async (key, envelope, scope) => await rewrap(find(key), opening, sealing, envelope, scope),
    check: async (key, envelope, contextHash, deep, scope) =>
      await (deep ? checkDeep : check)(find(key), opening, envelope, contextHash, scope),
    recipientsOf: (key, envelope) => recipientsOf(keyring.get(key), providers, envelope),
    purge(configured) {
      const key = configured && keyring.get(configured);
      for (const { state } of key ? [key] : keyring.values()) forget(state);
    },
    versions: async (address, scope) => await versions(find(address.key), address, scope),
    rotate: async (address, scope) => await forgetting(keyring, address, rotate(find(address.key), address, scope)),
    checkAble: (address, change) => checkAble(find(address.key), address, change),
    setVersionState: async (address, version, state, scope) =>
      await forgetting(keyring, address, setVersionState(find(address.key), address, { version, state }, scope)),
    probe: async () => await probeAll(keyring, sealing),
    keys: () => [...keyring.values()].map(keyStatus),
    providers: () => [...providers.values()].map((provider) => providerStatus(provider, keyring)),
    async close(keep) {
      const kept = keep && partsOf.get(keep);
      if (kept) await retire(parts, kept, used);
      closed = true;
      unwatch();
      const states = new Set([...(kept?.keyring.values() ?? [])].map(({ state }) => state));
      for (const { state } of keyring.values()) if (!states.has(state)) forget(state);
      await closeProviders(providers, kept?.providers ?? new Map());
    },
  };
}

async function rewrap(
  key: Key,
  opening: OpeningSetting,
  sealing: SealingSetting,
  envelope: Envelope,
  scope: Scope,
): Promise<Uint8Array> {
  const { sealKey } = await openingKey(key, opening, envelope, scope);
  const { dataKey, contextHash } = open(envelope, sealKey);
  try {
    return await wrap(key, sealing, dataKey, contextHash, scope);
  } finally {
    wipe(dataKey);
  }
}

/** Calls of the configuration that was replaced end first: each lives no longer than the call timeout. */
async function retire({ providers, configuration }: Parts, kept: Parts, used: boolean): Promise<void> {
  const leaving = notIn(providers, kept.providers);
  if (leaving.length > 0 && used)
    await new Promise((done) => setTimeout(done, configuration.limits.callTimeoutMs).unref());
  await Promise.all(leaving.map(({ guard }) => guard.idle()));
}

/** Keys by present and former names. */
function namesOf({ keys }: Configuration): ReadonlyMap<string, KeyConfiguration> {
  const former = [...keys.values()].flatMap((key) => key.formerNames.map((name) => [name, key] as const));
  return new Map([...former, ...keys]);
}
