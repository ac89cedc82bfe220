// Builds a policy from the configured rules: all the work is done once, so that a decision is a few look-ups.

import { namesKey, type Permission, type RuleConfiguration } from "../config/index.ts";
import type { Decision, Policy, Question } from "./policy.ts";

const denied: Decision = Object.freeze({ allowed: false });

/** Decisions remembered per identity and permission; above it the memory starts afresh. */
const maxRemembered = 1_024;

/** What one identity may do by one permission. Every number is the index of the first rule that says so. */
interface Grant {
  readonly exact: Map<string, number>;
  /** By the pattern's prefix, without its slash. */
  readonly prefixes: Map<string, number>;
  everything: number | undefined;
  readonly remembered: Map<string, Decision>;
}

/**
 * A policy of rules that only ever allow: a question that none answers is denied, and adding a rule takes nothing
 * away. The decision names the first rule, in the file's order, that allows.
 */
export function createPolicy(rules: readonly RuleConfiguration[]): Policy {
  const grants = new Map<string, Map<Permission, Grant>>();
  const decisions = rules.map((_, rule): Decision => Object.freeze({ allowed: true, rule }));
  rules.forEach((rule, index) => addRule(grants, rule, index));
  return {
    decide({ identity, permission, key }: Question): Decision {
      const grant = grants.get(identity.name)?.get(permission);
      if (grant === undefined) return denied;
      if (key === undefined) return namesKey(permission) ? denied : (decisions[grant.everything ?? -1] ?? denied);
      return grant.remembered.get(key) ?? judge(grant, key, decisions);
    },
  };
}

function addRule(grants: Map<string, Map<Permission, Grant>>, rule: RuleConfiguration, index: number): void {
  for (const who of rule.who) {
    const permitted = entry(grants, who, () => new Map<Permission, Grant>());
    for (const permission of rule.may) {
      const grant = entry(permitted, permission, newGrant);
      for (const pattern of rule.keys) addPattern(grant, pattern, index);
    }
  }
}

function newGrant(): Grant {
  return { exact: new Map(), prefixes: new Map(), everything: undefined, remembered: new Map() };
}

/** Rules come in the file's order, so the first to speak of a pattern stays. */
function addPattern(grant: Grant, pattern: string, rule: number): void {
  if (pattern === "*") grant.everything ??= rule;
  else if (pattern.endsWith("/*")) entry(grant.prefixes, pattern.slice(0, -2), () => rule);
  else entry(grant.exact, pattern, () => rule);
}

function judge(grant: Grant, key: string, decisions: readonly Decision[]): Decision {
  let first = Math.min(grant.exact.get(key) ?? Infinity, grant.everything ?? Infinity);
  for (let slash = key.indexOf("/"); slash !== -1; slash = key.indexOf("/", slash + 1)) {
    first = Math.min(first, grant.prefixes.get(key.slice(0, slash)) ?? Infinity);
  }
  const decision = decisions[first] ?? denied;
  // Bounded, though only names of configured keys should ever come here.
  if (grant.remembered.size >= maxRemembered) grant.remembered.clear();
  grant.remembered.set(key, decision);
  return decision;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
