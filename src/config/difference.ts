// What a reload changed: for the audit and the log.

import type { Configuration, RuleConfiguration } from "./configuration.ts";
import { conditionText } from "./condition.ts";
import { digestOf } from "./kinds.ts";
import { grantText, quotaText, windowText } from "./terms.ts";

/** The changed places and rules. Nothing in it is a secret. */
interface ConfigurationDifference {
  /** Such as `realm`, `limits`, `keys.backups/db`, `listeners.mesh`; sorted. */
  readonly changed: readonly string[];
  /** Rules as text, in the new file's order. */
  readonly rulesAdded: readonly string[];
  /** Rules as text, in the old file's order. */
  readonly rulesRemoved: readonly string[];
}

/** Compares two configurations by what they say, not by how their files write it. */
export function configurationDifference(before: Configuration, after: Configuration): ConfigurationDifference {
  const plain = ["realm", "acceptRealms", "audit", "store", "metrics", "log", "limits"] as const;
  const maps = ["providers", "keys", "listeners", "identities", "groups", "approvers"] as const;
  const changed = [
    ...plain.filter((part) => differ(before[part], after[part])),
    ...maps.flatMap((part) => changedEntries(before[part], after[part]).map((name) => `${part}.${name}`)),
  ].sort();
  const [old, now] = [before.policy.map(ruleText), after.policy.map(ruleText)];
  return { changed, rulesAdded: without(now, old), rulesRemoved: without(old, now) };
}

/** A rule as one line, such as `backup, restore may unwrap: backups/*`. */
function ruleText({ who, may, keys, ...rest }: RuleConfiguration): string {
  const text = `${who.join(", ")} may ${may.join(", ")}: ${keys.join(", ")}`;
  const terms = termsOf(rest);
  return terms.length === 0 ? text : `${text} (${terms.join("; ")})`;
}

/** What else a rule asks for, each as text. */
function termsOf({ when, during, quota, grant }: Omit<RuleConfiguration, "who" | "may" | "keys">): string[] {
  return [
    ...when.map(conditionText),
    ...(during === undefined ? [] : [windowText(during)]),
    ...quota.map(quotaText),
    ...(grant === undefined ? [] : [grantText(grant)]),
  ];
}

function changedEntries(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => differ(before.get(name), after.get(name)));
}

function differ(before: unknown, after: unknown): boolean {
  return digestOf(before ?? null) !== digestOf(after ?? null);
}

/** The rules of one list that the other has not, each as often as it is missing. */
function without(rules: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return rules.filter((rule) => {
    const at = left.indexOf(rule);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}
