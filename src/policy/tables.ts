// The rules by whom they speak of, what they permit and which keys: made once, so that few look-ups find the few that matter.

import type { Permission, RuleConfiguration } from "../config/configuration.ts";

/** Rules of one name and one permission. Each list has indexes of rules in the file's order. */
export interface Table {
  readonly exact: Map<string, number[]>;
  /** By the pattern's prefix, without its slash. */
  readonly prefixes: Map<string, number[]>;
  readonly everything: number[];
}

/** By name of an identity or group, then by permission. */
export type Tables = ReadonlyMap<string, ReadonlyMap<Permission, Table>>;

/** Whether a rule depends on more than who asks for what. */
export function isConditioned({ when, during }: RuleConfiguration): boolean {
  return when.length > 0 || during !== undefined;
}

/** Sorts the rules. */
export function tablesOf(rules: readonly RuleConfiguration[]): Tables {
  const tables = new Map<string, Map<Permission, Table>>();
  rules.forEach((rule, index) => {
    for (const who of rule.who) {
      const permitted = entry(tables, who, () => new Map<Permission, Table>());
      for (const permission of rule.may) addRule(entry(permitted, permission, newTable), rules, index);
    }
  });
  return tables;
}

function newTable(): Table {
  return { exact: new Map(), prefixes: new Map(), everything: [] };
}

function addRule({ exact, prefixes, everything }: Table, rules: readonly RuleConfiguration[], index: number): void {
  for (const pattern of rules[index]!.keys) {
    if (pattern === "*") addIndex(everything, rules, index);
    else if (pattern.endsWith("/*")) addIndex(entry(prefixes, pattern.slice(0, -2), newList), rules, index);
    else addIndex(entry(exact, pattern, newList), rules, index);
  }
}

const newList = (): number[] => [];

/** After a rule without conditions no later one can be the first that allows. */
function addIndex(list: number[], rules: readonly RuleConfiguration[], index: number): void {
  const last = list.at(-1);
  if (last === undefined || (last !== index && isConditioned(rules[last]!))) list.push(index);
}

/** Indexes of the rules of one table that speak of a key, in no order. */
export function rulesOn({ exact, prefixes, everything }: Table, key: string): number[] {
  const found = [...everything, ...(exact.get(key) ?? [])];
  for (let slash = key.indexOf("/"); slash !== -1; slash = key.indexOf("/", slash + 1)) {
    found.push(...(prefixes.get(key.slice(0, slash)) ?? []));
  }
  return found;
}

/** Groups by their members. */
export function groupsByMember(groups: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [group, members] of groups) {
    for (const member of members) entry(found, member, (): string[] => []).push(group);
  }
  return found;
}

/** A map's entry, made where there is none. */
export function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
