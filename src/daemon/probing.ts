// Looks at the providers from time to time, and tells when one goes down, comes back, or can no longer wrap.

import type { Broker, KeyStatus, ProviderStatus } from "../broker/index.ts";
import type { Log } from "../telemetry/index.ts";

/** While a provider is down, it is looked at this often, so that it heals soon. */
const troubledMs = 5_000;

/** The looking. */
export interface Probing {
  /** Looks at this broker from now on, at once the first time. */
  follow(broker: Broker, intervalMs: number): void;
  /** What an operator should know of providers and master keys, a sentence each; empty until the first look is over. */
  warnings(): readonly string[];
  stop(): void;
}

/** None, until it follows a broker. */
export function createProbing(log: Log): Probing {
  let followed: { readonly broker: Broker; readonly intervalMs: number } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let told: ReadonlyMap<string, string> = new Map();
  let wearing: readonly string[] = [];
  let repeated: readonly string[] = [];

  async function look(): Promise<void> {
    const now = followed;
    if (now === undefined) return;
    await now.broker.probe();
    if (now !== followed) return;
    const found = troublesOf(now.broker.providers());
    tell(log, told, found);
    told = found;
    const keys = now.broker.keys();
    wearing = tellNew(log, "wrap-limit", wearing, wearingOf(keys));
    repeated = tellNew(log, "master-key-repeated", repeated, keys.flatMap(repeatedOf));
    const everyMs = found.size > 0 ? Math.min(troubledMs, now.intervalMs) : now.intervalMs;
    timer = setTimeout(() => void look(), jittered(everyMs));
    timer.unref();
  }

  return {
    follow(broker, intervalMs) {
      clearTimeout(timer);
      followed = { broker, intervalMs };
      void look();
    },
    warnings() {
      const troubles =
        followed === undefined || told.size === 0 ? [] : troublesOf(followed.broker.providers()).values();
      return [...troubles, ...wearing, ...repeated];
    },
    stop() {
      clearTimeout(timer);
      followed = undefined;
    },
  };
}

/** By provider, in words. */
function troublesOf(providers: readonly ProviderStatus[]): ReadonlyMap<string, string> {
  return new Map(
    providers.flatMap((provider) => {
      const trouble = troubleOf(provider);
      return trouble === undefined ? [] : [[provider.name, trouble] as const];
    }),
  );
}

function troubleOf({ name, lastCallAt, reachable, canWrap, canUnwrap, error }: ProviderStatus): string | undefined {
  // A provider that no key uses is never asked.
  if (lastCallAt === undefined || (reachable && canWrap && canUnwrap)) return undefined;
  const what = reachable ? (canUnwrap ? "cannot wrap" : "cannot unwrap with every master key") : "cannot be reached";
  return `provider ${name} ${what}${error === undefined ? "" : `: ${error}`}`;
}

function tell(log: Log, before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): void {
  for (const [provider, message] of now) {
    if (before.get(provider) !== message) log.warn("provider-degraded", { provider, message });
  }
  for (const provider of before.keys()) {
    if (!now.has(provider)) log.info("provider-recovered", { provider });
  }
}

function tellNew(log: Log, event: string, before: readonly string[], now: readonly string[]): readonly string[] {
  for (const message of now) if (!before.includes(message)) log.warn(event, { message });
  return now;
}

/** A bound of billions of wraps is none for a branch key an hour, and one for a wrap a call. */
function wearingOf(keys: readonly KeyStatus[]): readonly string[] {
  const strict = keys.filter(({ configuration }) => configuration.branchKey.maxWraps === 1);
  return strict.flatMap(({ configuration: { name }, recipients }) =>
    recipients
      .filter(({ unwrapOnly, wrapLimit }) => !unwrapOnly && wrapLimit !== undefined)
      .map(({ provider, wrapLimit }) => {
        const bound = `each wrap of ${name} is one of the ${wrapLimit} that its master key in ${provider} may make`;
        return `${bound}: plan to rotate it, or raise branchKey.maxWraps`;
      }),
  );
}

/** Ids show only when the backends tell them. Envelopes know master keys by them, so the broker asks the first alone. */
function repeatedOf({ configuration: { name }, recipients }: KeyStatus): readonly string[] {
  return recipients.flatMap(({ provider, kind, masterKeyId }, index) => {
    const first = recipients.findIndex((one) => one.kind === kind && one.masterKeyId === masterKeyId);
    if (masterKeyId === undefined || first === index) return [];
    const same = `the recipients of ${name} in ${recipients[first]!.provider} and ${provider} are both the ${kind} master key ${masterKeyId}`;
    return [
      `${same}, so the first alone is used: name another master key; or, where two servers name their own keys alike, give the second an id`,
    ];
  });
}

/** Between three quarters and five quarters: many daemons are not to look at once. */
function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}
