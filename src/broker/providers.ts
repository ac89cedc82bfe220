// The configured providers, opened; those whose settings did not change are taken over from the last broker.

import type { Configuration, ProviderConfiguration } from "../config/configuration.ts";
import { loadKind } from "../provider/index.ts";
import type { KindReference, Provider, ProviderKind } from "../provider/index.ts";
import { Guard } from "./guard.ts";
import type { GuardLimits } from "./guard.ts";
import { Health } from "./health.ts";
import type { BrokerObserver } from "./observer.ts";

/** A provider of the configuration, ready to be asked. */
export interface OpenProvider {
  readonly configuration: ProviderConfiguration;
  readonly kind: ProviderKind;
  readonly provider: Provider;
  readonly guard: Guard;
  readonly health: Health;
}

/** Opened providers by their names. */
export type OpenProviders = ReadonlyMap<string, OpenProvider>;

/** Finds a kind: `loadKind`, or a test's own. */
export type Kinds = (reference: KindReference) => Promise<ProviderKind>;

/** Opens what is new. When one cannot be opened, those opened before it are closed again, and its error is thrown. */
export async function openProviders(
  configuration: Configuration,
  previous: OpenProviders,
  observer: BrokerObserver,
  kinds: Kinds = loadKind,
): Promise<OpenProviders> {
  const opened = new Map<string, OpenProvider>();
  try {
    for (const [name, wanted] of configuration.providers) {
      const known = previous.get(name);
      const taken = known && isSame(known.configuration, wanted) ? known : await open(wanted, kinds, observer);
      opened.set(name, { ...taken, configuration: wanted, guard: guardOf(taken, configuration.limits, observer) });
    }
    return opened;
  } catch (error) {
    await closeProviders(opened, previous);
    throw error;
  }
}

/** Closes providers at once, but for those that `kept` has too: calls under way are aborted. */
export async function closeProviders(opened: OpenProviders, kept: OpenProviders): Promise<void> {
  const closing = notIn(opened, kept);
  for (const { guard } of closing) guard.close();
  await Promise.allSettled(closing.map(({ provider }) => provider.close()));
}

/** Those whose instance `kept` does not have. */
export function notIn(opened: OpenProviders, kept: OpenProviders): readonly OpenProvider[] {
  return [...opened].filter(([name, { provider }]) => kept.get(name)?.provider !== provider).map(([, found]) => found);
}

function isSame(one: ProviderConfiguration, other: ProviderConfiguration): boolean {
  return one.kind === other.kind && one.module === other.module && one.digest === other.digest;
}

async function open(
  configuration: ProviderConfiguration,
  kinds: Kinds,
  observer: BrokerObserver,
): Promise<Omit<OpenProvider, "guard">> {
  const { name } = configuration;
  const kind = await kinds(configuration);
  const provider = await kind.open(configuration.settings as never, (notice) => observer.notice(name, notice));
  return { configuration, kind, provider, health: new Health(name, observer) };
}

/** A taken-over provider keeps its guard, and with it what the guard learnt of the backend, while its limits stay. */
function guardOf(
  { configuration, guard }: { configuration: ProviderConfiguration; guard?: Guard },
  limits: GuardLimits,
  observer: BrokerObserver,
): Guard {
  const same = guard?.limits.maxProviderCalls === limits.maxProviderCalls;
  if (guard && same && guard.limits.providerTimeoutMs === limits.providerTimeoutMs) return guard;
  return new Guard(configuration.name, limits, observer);
}
