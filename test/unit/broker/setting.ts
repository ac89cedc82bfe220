// A broker over faulty providers, for the tests of this folder.

import { afterEach, beforeEach, vi } from "vitest";
import { createBroker } from "../../../src/broker/index.ts";
import type { Broker, BrokerObserver, Scope } from "../../../src/broker/index.ts";
import type { Configuration, KeyConfiguration } from "../../../src/config/configuration.ts";
import { contextHash, decode } from "../../../src/envelope/index.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { createFaultyProvider } from "../../fakes/faulty-provider.ts";
import type { FaultyProvider } from "../../fakes/faulty-provider.ts";

/** Time stands still in each test until it moves it; setImmediate, which is no time, goes on. */
export function useFakeTime(): void {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] }));
  afterEach(() => vi.useRealTimers());
}

export const context = contextHash({ host: "db1" });
export const otherContext = contextHash({ host: "db2" });

/** A key called `backups/db` for one recipient, `mk` of provider `a`. */
export function keyOf(changes: Partial<KeyConfiguration> = {}): KeyConfiguration {
  return {
    name: "backups/db",
    formerNames: [],
    wrapTo: [recipient("a", "mk")],
    unwrapOnly: [],
    wrapNeeds: 1,
    unwrapNeeds: 1,
    unwrapDelayMs: 2_000,
    context: { required: true, require: [] },
    branchKey: { maxAgeMs: 3_600_000, maxWraps: 2 ** 20, graceMs: 0 },
    unwrapCache: { maxAgeMs: 600_000, maxEntries: 1_000 },
    verifyWrap: true,
    onStoreLoss: "allow",
    ...changes,
  };
}

export function recipient(provider: string, id: string) {
  return { provider, reference: { id } };
}

/** a and b, and c where a key asks for it. */
function providerNames(keys: readonly KeyConfiguration[]): readonly string[] {
  const used = keys.flatMap(({ wrapTo, unwrapOnly }) => [...wrapTo, ...unwrapOnly].map((one) => one.provider));
  return used.includes("c") ? ["a", "b", "c"] : ["a", "b"];
}

export function configurationOf(
  keys: readonly KeyConfiguration[],
  changes: Partial<Pick<Configuration, "realm" | "acceptRealms" | "providers">> = {},
  limits: Partial<Configuration["limits"]> = {},
): Configuration {
  const provider = (name: string) => ({ name, kind: name, module: undefined, settings: {}, digest: name });
  return {
    realm: "prod",
    acceptRealms: [],
    providers: new Map(providerNames(keys).map((name) => [name, provider(name)])),
    keys: new Map(keys.map((key) => [key.name, key])),
    limits: { callTimeoutMs: 10_000, maxProviderCalls: 64, providerTimeoutMs: 5_000, ...limits },
    ...changes,
  } as unknown as Configuration;
}

/** A call's bounds; `attempts` counts how often it was told of a provider call. */
export function scopeOf(timeoutMs = 10_000): Scope & { attempts: number; cancel(): void } {
  const controller = new AbortController();
  const cancel = (message: string) => controller.abort(new BrokerError("PROVIDER_TIMEOUT", message));
  let listening = false;
  const scope = {
    deadlineMs: performance.now() + timeoutMs,
    attempts: 0,
    signal() {
      if (!listening) setTimeout(() => cancel("the deadline passed"), timeoutMs).unref();
      listening = true;
      return controller.signal;
    },
    beforeProvider() {
      scope.attempts++;
      return Promise.resolve();
    },
    cancel: () => cancel("the caller went away"),
  };
  return scope;
}

export interface Setting {
  readonly a: FaultyProvider;
  readonly b: FaultyProvider;
  readonly c: FaultyProvider;
  readonly broker: Broker;
  readonly key: KeyConfiguration;
  readonly configuration: Configuration;
  wrap(dataKey?: Uint8Array): Promise<Uint8Array>;
  unwrap(envelope: Uint8Array, hash?: Uint8Array): Promise<Buffer>;
  /** A broker over the same backends that knows nothing yet: as after a restart. */
  restart(keys?: readonly KeyConfiguration[], changes?: Parameters<typeof configurationOf>[1]): Promise<Setting>;
  /** A broker that takes over from this one: as after a reload. */
  reload(keys?: readonly KeyConfiguration[], changes?: Parameters<typeof configurationOf>[1]): Promise<Setting>;
}

type Backends = Pick<Setting, "a" | "b" | "c">;

interface SettingOptions {
  readonly changes?: Parameters<typeof configurationOf>[1];
  readonly limits?: Parameters<typeof configurationOf>[2];
  readonly observer?: BrokerObserver;
  readonly backends?: Backends;
  readonly previous?: Broker;
}

/** A broker with these keys; the first is the setting's own. */
export async function settingOf(
  keys: readonly KeyConfiguration[] = [keyOf()],
  { changes, limits, observer, backends, previous }: SettingOptions = {},
): Promise<Setting> {
  const a = backends?.a ?? createFaultyProvider("a", 200);
  const b = backends?.b ?? createFaultyProvider("b", 201);
  const c = backends?.c ?? createFaultyProvider("c", 202);
  const kinds = ({ kind }: { kind: string }) => Promise.resolve({ a, b, c }[kind as keyof Backends].kind);
  const configuration = configurationOf(keys, changes, limits);
  const broker = await createBroker({ configuration, kinds, observer, previous });
  const key = keys[0]!;
  const again = (next: readonly KeyConfiguration[], nextChanges: SettingOptions["changes"], taken?: Broker) =>
    settingOf(next, { changes: nextChanges ?? changes, limits, observer, backends: { a, b, c }, previous: taken });
  return {
    a,
    b,
    c,
    broker,
    key,
    configuration,
    wrap: async (dataKey = Buffer.alloc(32, 7)) => broker.wrap(key, dataKey, context, scopeOf()),
    async unwrap(envelope, hash = context) {
      return (await broker.unwrap(key, decode(envelope), hash, scopeOf())).dataKey;
    },
    restart: (next = keys, nextChanges) => again(next, nextChanges),
    reload: (next = keys, nextChanges) => again(next, nextChanges, broker),
  };
}

/** The reason that a promise rejects with; fails when it does not reject with a BrokerError. */
export async function reasonOf(promise: unknown): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof BrokerError) return error.reason;
    throw error;
  }
  throw new Error("it did not fail");
}
