// Builds a policy from the configured rules: all the work is done once, so that a decision is a few look-ups.

import { namesKey, type Permission, type RuleConfiguration } from "../config/index.ts";
import { holdsOf, type Holds } from "./conditions.ts";
import type { Decision, Policy, Question } from "./policy.ts";
import { entry, groupsByMember, isConditioned, rulesOn, tablesOf, type Tables } from "./tables.ts";

const denied: Decision = Object.freeze({ allowed: false });

/** Findings remembered in all; above it the memory starts afresh. Each is about 100 bytes. */
const maxRemembered = 65_536;

/** What stands for the key where a permission names none: patterns cover it as they should, and no key has this name. */
const noKey = "*";

/** What the rules say to an identity, a permission and a key, before conditions. */
interface Finding {
  /** Undefined where it depends on the call. */
  readonly decision: Decision | undefined;
  /** Indexes of the rules to try, in the file's order: none after one without conditions. */
  readonly rules: readonly number[];
}

type ByKey = Map<string, Finding>;

/**
 * A policy of rules that only ever allow: a question that none answers is denied. The decision names the first rule, in
 * the file's order, that allows. `groups` has the identities of each group.
 */
export function createPolicy(
  rules: readonly RuleConfiguration[],
  groups: ReadonlyMap<string, readonly string[]> = new Map(),
): Policy {
  const find = createFinder(rules, groups);
  const allowed = rules.map((_, rule): Decision => Object.freeze({ allowed: true, rule }));
  const holds = rules.map(holdsOf);
  const memory = createMemory((identity, permission, key): Finding => {
    const found = find(identity, permission, key);
    const [first] = found;
    if (first === undefined) return { decision: denied, rules: found };
    return { decision: holds[first] === undefined ? allowed[first] : undefined, rules: found };
  });
  const decide = (question: Question): Decision => {
    const { identity, permission, key } = question;
    if (key === undefined && namesKey(permission)) return denied;
    const finding = memory(identity.name, permission, key ?? noKey);
    return finding.decision ?? allowed[firstThatHolds(finding.rules, holds, question)] ?? denied;
  };
  return {
    decide: (question) => (question.identity.within === undefined ? decide(question) : decideBoth(decide, question)),
  };
}

/** What an identity within another is allowed must be allowed to both; the rule is its own. */
function decideBoth(decide: Policy["decide"], question: Question): Decision {
  const inner = decide(question);
  return inner.allowed && decide({ ...question, identity: question.identity.within! }).allowed ? inner : denied;
}

/** An index; -1 when none holds. */
function firstThatHolds(rules: readonly number[], holds: readonly (Holds | undefined)[], question: Question): number {
  return rules.find((rule) => holds[rule] === undefined || holds[rule](question)) ?? -1;
}

type Find<Answer> = (identity: string, permission: Permission, key: string) => Answer;

/** Finds the rules to try, without remembering anything. */
function createFinder(
  rules: readonly RuleConfiguration[],
  groups: ReadonlyMap<string, readonly string[]>,
): Find<readonly number[]> {
  const tables: Tables = tablesOf(rules);
  const groupsOf = groupsByMember(groups);
  return (identity, permission, key) => {
    const found = [identity, ...(groupsOf.get(identity) ?? [])]
      .map((who) => tables.get(who)?.get(permission))
      .flatMap((table) => (table === undefined ? [] : rulesOn(table, key)));
    const ordered = [...new Set(found)].sort((a, b) => a - b);
    const last = ordered.findIndex((rule) => !isConditioned(rules[rule]!));
    return last === -1 ? ordered : ordered.slice(0, last + 1);
  };
}

/** Remembers what was found, within a bound that callers who ask for names that do not exist cannot burst. */
function createMemory(find: Find<Finding>): Find<Finding> {
  // By permission first: there are few, so that what is behind the next map is all that a processor must fetch.
  const memory = new Map<Permission, Map<string, ByKey>>();
  let remembered = 0;
  const learn: Find<Finding> = (identity, permission, key) => {
    if (remembered >= maxRemembered) memory.clear();
    remembered = remembered >= maxRemembered ? 1 : remembered + 1;
    const byIdentity = entry(memory, permission, () => new Map<string, ByKey>());
    const finding = find(identity, permission, key);
    entry(byIdentity, identity, (): ByKey => new Map()).set(key, finding);
    return finding;
  };
  return (identity, permission, key) =>
    memory.get(permission)?.get(identity)?.get(key) ?? learn(identity, permission, key);
}
