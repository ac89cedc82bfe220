// Builds the quotas of a configuration; counters live on over a reload.

import { createHash } from "node:crypto";
import type { QuotaConfiguration, RateConfiguration, RuleConfiguration } from "../config/configuration.ts";
import { createWindowClock, type WindowClock } from "./clock.ts";
import type { Counts } from "./counts.ts";
import { Counter } from "./counter.ts";
import { DistinctCounter } from "./distinct-counter.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { createMeter, type Meter, type Named } from "./meter.ts";
import { createProviderBound } from "./provider-bounds.ts";
import type { Charge, QuotaNotice, Quotas } from "./quotas.ts";

/** What lives as long as the process: leases, and what was counted without a store. */
export interface QuotaState {
  readonly ledger: Ledger;
  readonly clock: WindowClock;
  /** By rule, identity and key. */
  readonly meters: Map<string, Meter>;
  /** Gives back what was leased and not used: before the store is closed. */
  close(): Promise<void>;
}

/** The state of a process over a store, or over memory alone. */
export function createQuotaState(store: Counts | undefined, clock: WindowClock = createWindowClock()): QuotaState {
  const meters = new Map<string, Meter>();
  return {
    ledger: createLedger(store),
    clock,
    meters,
    async close() {
      await Promise.all([...meters.values()].map((meter) => meter.giveBack()));
    },
  };
}

/** What quotas are made of. */
export interface QuotaOptions {
  readonly rules: readonly RuleConfiguration[];
  readonly limits: {
    readonly refusedLoads: RateConfiguration;
    readonly providerCallsPerIdentity: RateConfiguration | undefined;
  };
  readonly state: QuotaState;
  readonly notice?: (notice: QuotaNotice) => void;
}

/** The quotas of these rules. A rule without one is free of charge. */
export function createQuotas({ rules, limits, state, notice = () => undefined }: QuotaOptions): Quotas {
  const charged = rules.map((rule) => (rule.quota.length === 0 ? undefined : metersOf(rule, state, notice)));
  const bounds = providerBounds(limits, state.clock, notice);
  return {
    charge: (asked) => charged[asked.rule]?.(asked).charge(asked.envelope),
    beforeProvider(identity) {
      bounds.refused.refuse(identity);
      bounds.calls?.refuse(identity);
      bounds.calls?.count(identity);
    },
    providerRefused: (identity) => bounds.refused.count(identity),
  };
}

/** Finds a rule's meter of an identity and key: two look-ups in maps, since every call needs one. */
function metersOf(rule: RuleConfiguration, state: QuotaState, notice: (notice: QuotaNotice) => void) {
  const id = ruleId(rule);
  const byIdentity = new Map<string, Map<string, Meter>>();
  return ({ identity, key }: Charge): Meter => {
    let byKey = byIdentity.get(identity);
    if (byKey === undefined) byIdentity.set(identity, (byKey = new Map<string, Meter>()));
    let meter = byKey.get(key);
    if (meter === undefined) byKey.set(key, (meter = meterOf(rule.quota, { id, identity, key }, state, notice)));
    return meter;
  };
}

/** What a rule says beside its quota: moving it in the file, or changing the quota, begins no count anew. */
function ruleId(rule: RuleConfiguration): string {
  const text = JSON.stringify({ ...rule, quota: undefined });
  return createHash("sha256").update(text).digest("base64url").slice(0, 12);
}

interface Place {
  readonly id: string;
  readonly identity: string;
  readonly key: string;
}

function meterOf(
  quotas: readonly QuotaConfiguration[],
  { id, identity, key }: Place,
  { ledger, clock, meters }: QuotaState,
  notice: (notice: QuotaNotice) => void,
): Meter {
  const name = `${id} ${identity} ${key}`;
  const whole = `${name} ${quotas.map(limitText).join(" ")}`;
  const known = meters.get(whole);
  if (known !== undefined) return known;
  const named = <C>(distinct: boolean, Kind: new (...parts: ConstructorParameters<typeof Counter>) => C): Named<C>[] =>
    quotas
      .filter((quota) => quota.distinct === distinct)
      .map((quota) => {
        const limit = limitText(quota);
        const tell = (event: "near" | "spent") => notice({ event, bound: "quota", identity, key, limit });
        const counted = { name: distinct ? `${name} distinct` : name, windowMs: quota.windowMs, limit: quota.limit };
        return { counter: new Kind(counted, { ledger, clock, notice: tell }), limit };
      });
  const meter = createMeter(named(false, Counter), named(true, DistinctCounter), clock, `${identity} with key ${key}`);
  meters.set(whole, meter);
  return meter;
}

function providerBounds(limits: QuotaOptions["limits"], clock: WindowClock, notice: (notice: QuotaNotice) => void) {
  const bound = (name: "refusedLoads" | "providerCallsPerIdentity", rate: RateConfiguration, what: string) =>
    createProviderBound(rate, clock, what, (event, identity) =>
      notice({ event, bound: name, identity, limit: limitText({ ...rate, distinct: false }) }),
    );
  const { refusedLoads, providerCallsPerIdentity } = limits;
  return {
    refused: bound("refusedLoads", refusedLoads, "envelopes that a provider may refuse"),
    calls: providerCallsPerIdentity && bound("providerCallsPerIdentity", providerCallsPerIdentity, "provider calls"),
  };
}

const units = new Map([
  [1_000, "s"],
  [60_000, "m"],
  [3_600_000, "h"],
  [86_400_000, "d"],
]);

function limitText({ limit, windowMs, distinct }: QuotaConfiguration): string {
  return `${limit}${distinct ? " distinct" : ""}/${units.get(windowMs) ?? `${windowMs}ms`}`;
}
