// Which rules can ever be the first that allows: by identity, permission and configured key, under every context and time.

import { isDeepStrictEqual } from "node:util";
import { covers, nameAttribute, namesKey } from "../config/index.ts";
import type { Condition, Configuration, Permission, RuleConfiguration } from "../config/index.ts";
import { entry, groupsByMember } from "./tables.ts";

/** Identities that no rule can tell from each other. */
interface Kin {
  readonly members: string[];
  /** Indexes of the rules that speak of them and whose conditions they could meet, in the file's order. */
  readonly rules: readonly number[];
}

/** The rules that could allow one thing. */
export interface Cell {
  readonly identities: readonly string[];
  readonly permission: Permission;
  /** Undefined for permissions that name no key. */
  readonly key: string | undefined;
  /** Indexes of the rules that speak of it, in the file's order. */
  readonly rules: readonly number[];
  /** Those of them that can be the first that allows. */
  readonly reached: readonly number[];
}

/** Everybody who can come in, with the names of the attributes that may be known of them. */
export function askersOf({ listeners, identities }: Configuration): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const listener of listeners.values()) {
    if ("unix" in listener) found.set(listener.identity, new Set([nameAttribute, ...Object.keys(listener.attributes)]));
  }
  for (const { name, attributes, token } of identities.values()) {
    found.set(name, new Set([nameAttribute, ...Object.keys(attributes), ...Object.keys(token?.claims ?? {})]));
  }
  return found;
}

/** All that the rules speak of, cell by cell. */
export function* cellsOf(configuration: Configuration): Generator<Cell> {
  const { policy } = configuration;
  const keysOf = createKeysOf([...configuration.keys.keys()]);
  for (const { members, rules } of kinsOf(configuration)) {
    const permitted = new Set(rules.flatMap((rule) => policy[rule]!.may));
    for (const permission of permitted) {
      const about = rules.filter((rule) => policy[rule]!.may.includes(permission));
      for (const [key, speaking] of byKey(about, permission, policy, keysOf)) {
        yield { identities: members, permission, key, rules: speaking, reached: reachedOf(speaking, policy) };
      }
    }
  }
}

function kinsOf(configuration: Configuration): Iterable<Kin> {
  const { policy, groups } = configuration;
  const groupsOf = groupsByMember(groups);
  const rulesOf = new Map<string, number[]>();
  policy.forEach(({ who }, index) => who.forEach((name) => entry(rulesOf, name, (): number[] => []).push(index)));
  const kins = new Map<string, Kin>();
  for (const [identity, attributes] of askersOf(configuration)) {
    const names = [identity, ...(groupsOf.get(identity) ?? [])];
    const rules = [...new Set(names.flatMap((name) => rulesOf.get(name) ?? []))]
      .filter((rule) => canMeet(policy[rule]!, attributes))
      .sort((a, b) => a - b);
    entry(kins, rules.join(), (): Kin => ({ members: [], rules })).members.push(identity);
  }
  return kins.values();
}

/** Whether an identity with these attributes could meet all conditions. */
function canMeet({ when }: RuleConfiguration, attributes: ReadonlySet<string>): boolean {
  return when.every(({ is }) => "oneOf" in is || attributes.has(is.attribute));
}

type KeysOf = (pattern: string) => readonly string[];

/** The configured keys that a pattern covers. */
function createKeysOf(keys: readonly string[]): KeysOf {
  const known = new Map<string, readonly string[]>();
  return (pattern) => entry(known, pattern, () => keys.filter((key) => covers(pattern, key)));
}

function byKey(
  rules: readonly number[],
  permission: Permission,
  policy: readonly RuleConfiguration[],
  keysOf: KeysOf,
): ReadonlyMap<string | undefined, readonly number[]> {
  if (!namesKey(permission)) return new Map([[undefined, rules.filter((rule) => policy[rule]!.keys.includes("*"))]]);
  const found = new Map<string, number[]>();
  for (const rule of rules) {
    for (const key of new Set(policy[rule]!.keys.flatMap(keysOf))) entry(found, key, (): number[] => []).push(rule);
  }
  return found;
}

function reachedOf(rules: readonly number[], policy: readonly RuleConfiguration[]): readonly number[] {
  const reached: number[] = [];
  for (const rule of rules) {
    if (!reached.some((before) => isAtLeastAsWide(policy[before]!, policy[rule]!))) reached.push(rule);
  }
  return reached;
}

/** Whether every call that meets the conditions and times of `narrow` meets those of `wide`. False when it is not plain. */
function isAtLeastAsWide(wide: RuleConfiguration, narrow: RuleConfiguration): boolean {
  if (wide.during !== undefined && !isDeepStrictEqual(wide.during, narrow.during)) return false;
  return wide.when.every((condition) => narrow.when.some((other) => follows(condition, other)));
}

/** Whether a condition holds wherever another does. */
function follows(condition: Condition, other: Condition): boolean {
  if (condition.name !== other.name) return false;
  if ("attribute" in condition.is) return isDeepStrictEqual(condition.is, other.is);
  const { oneOf } = condition.is;
  return "oneOf" in other.is && other.is.oneOf.every((text) => oneOf.includes(text));
}
