// The configuration's keys with their master keys, whose ids are found out as soon as each backend answers.

import type { Configuration, KeyConfiguration, RecipientConfiguration } from "../config/configuration.ts";
import { BrokerError } from "../errors/index.ts";
import type { MasterKey } from "../provider/index.ts";
import { limits } from "../envelope/index.ts";
import { BranchKeys } from "./branch-keys.ts";
import { Loads } from "./loads.ts";
import type { OpenProvider, OpenProviders } from "./providers.ts";
import { createUnwrapCache } from "./unwrap-cache.ts";
import type { UnwrapCache } from "./unwrap-cache.ts";

/** A master key that a key's configuration lists, and the provider that has it. */
export interface Listed {
  readonly provider: OpenProvider;
  readonly masterKey: MasterKey;
  /** Place in the configuration: the order in which recipients are asked. */
  readonly rank: number;
}

/** A recipient of the configuration. */
export interface Slot {
  readonly recipient: RecipientConfiguration;
  readonly provider: OpenProvider;
  readonly unwrapOnly: boolean;
  /** Undefined until the provider told it. */
  masterKey: MasterKey | undefined;
  resolving: Promise<MasterKey> | undefined;
  /** When it was asked for last, on performance.now()'s clock. */
  askedAtMs: number;
}

/** What a key's calls share; it survives a reload that changes nothing of the key. */
export interface KeyState {
  readonly branches: BranchKeys;
  readonly cache: UnwrapCache;
  readonly loads: Loads;
}

/** A key at work. */
export interface Key {
  readonly configuration: KeyConfiguration;
  readonly slots: readonly Slot[];
  readonly state: KeyState;
  /** By `listedName`. */
  listed: ReadonlyMap<string, Listed>;
}

/** The keys, by their configuration. */
export type Keyring = ReadonlyMap<KeyConfiguration, Key>;

/** Makes the keyring; `stateOf` gives the state of a key that a reload left as it was. */
export function createKeyring(
  configuration: Configuration,
  providers: OpenProviders,
  stateOf: (key: KeyConfiguration) => KeyState | undefined,
): Keyring {
  return new Map([...configuration.keys.values()].map((key) => [key, createKey(key, providers, stateOf(key))]));
}

function createKey(configuration: KeyConfiguration, providers: OpenProviders, state: KeyState | undefined): Key {
  const slotOf = (unwrapOnly: boolean) => (recipient: RecipientConfiguration) => {
    const provider = providers.get(recipient.provider);
    if (!provider) throw new BrokerError("REQUEST_INVALID", `there is no provider ${recipient.provider}`);
    return { recipient, provider, unwrapOnly, masterKey: undefined, resolving: undefined, askedAtMs: 0 };
  };
  const slots = [...configuration.wrapTo.map(slotOf(false)), ...configuration.unwrapOnly.map(slotOf(true))];
  return { configuration, slots, state: state ?? createState(configuration), listed: new Map() };
}

function createState(configuration: KeyConfiguration): KeyState {
  return {
    branches: new BranchKeys(configuration.branchKey),
    cache: createUnwrapCache(configuration.unwrapCache),
    loads: new Loads(),
  };
}

/** What a recipient goes by: its provider kind's number and its master-key id. */
export function listedName(kind: number, masterKeyId: string): string {
  return `${kind} ${masterKeyId}`;
}

/** The slot's master key. While the backend cannot tell it, throws the provider's failure, and asks again next time. */
export function resolve(key: Key, slot: Slot): Promise<MasterKey> {
  if (slot.masterKey) return Promise.resolve(slot.masterKey);
  const { resolving, askedAtMs } = slot;
  if (!resolving || askedAtMs === performance.now()) return begin(key, slot);
  // A question that was put before and fails says nothing of now.
  return resolving.catch(() => slot.masterKey ?? begin(key, slot));
}

function begin(key: Key, slot: Slot): Promise<MasterKey> {
  if (slot.resolving) return slot.resolving;
  slot.askedAtMs = performance.now();
  slot.resolving = ask(slot)
    .then((masterKey) => {
      slot.masterKey = masterKey;
      key.listed = list(key.slots);
      return masterKey;
    })
    .finally(() => (slot.resolving = undefined));
  return slot.resolving;
}

async function ask({ provider, recipient }: Slot): Promise<MasterKey> {
  const { guard } = provider;
  const masterKey = await guard.call("masterKey", (signal) => provider.provider.masterKey(recipient.reference, signal));
  for (const { id } of [masterKey, ...(masterKey.unwrapOnly ?? [])]) {
    const bytes = Buffer.byteLength(id);
    if (bytes >= 1 && bytes <= limits.maxMasterKeyIdBytes) continue;
    throw new BrokerError("INTERNAL", `provider ${guard.name} named a master key by ${bytes} bytes`);
  }
  return masterKey;
}

/** In the configuration's order; of two recipients that turn out to be one master key the first counts. */
function list(slots: readonly Slot[]): ReadonlyMap<string, Listed> {
  const listed = new Map<string, Listed>();
  for (const { provider, masterKey } of slots) {
    for (const one of masterKey ? [masterKey, ...(masterKey.unwrapOnly ?? [])] : []) {
      const name = listedName(provider.kind.number, one.id);
      if (!listed.has(name)) listed.set(name, { provider, masterKey: one, rank: listed.size });
    }
  }
  return listed;
}
