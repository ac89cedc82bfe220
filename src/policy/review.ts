// Looks a policy over: rules that can never match, identities and keys left out, grants that are got around, and who can
// unwrap what.

import { nameAttribute, type Configuration, type Path } from "../config/index.ts";
import { askersOf, cellsOf, type Cell } from "./reach.ts";
import { entry } from "./tables.ts";

/** Something that somebody should look at. */
interface PolicyFinding {
  readonly kind:
    "rule-never-matches" | "identity-without-rule" | "key-nobody-unwraps" | "grant-not-needed" | "wrap-and-unwrap-all";
  readonly path: Path;
  /** It is about the name at the path. */
  readonly atName: boolean;
  /** A sentence. */
  readonly message: string;
}

/** What identities can unwrap by one rule. */
interface UnwrapRight {
  readonly identity: string;
  /** Index of the rule. */
  readonly rule: number;
  /** Names of configured keys, in the file's order. */
  readonly keys: readonly string[];
}

/** What the look came to. */
export interface PolicyReview {
  readonly findings: readonly PolicyFinding[];
  /** By identity, then by rule. */
  readonly unwrapRights: readonly UnwrapRight[];
}

/** Looks over the policy of a configuration, with no regard to listeners, stops or quotas. */
export function reviewPolicy(configuration: Configuration): PolicyReview {
  const cells = [...cellsOf(configuration)];
  return {
    findings: [
      ...unmatched(configuration, cells),
      ...ungranted(configuration, cells),
      ...wide(configuration, cells),
      ...leftOut(configuration),
      ...sealed(configuration, cells),
    ],
    unwrapRights: rightsOf(cells),
  };
}

function aboutRule(kind: PolicyFinding["kind"], rule: number, message: string): PolicyFinding {
  return { kind, path: ["policy", rule], atName: false, message };
}

function unmatched(configuration: Configuration, cells: readonly Cell[]): PolicyFinding[] {
  const reached = new Set(cells.flatMap((cell) => cell.reached));
  const before = new Map<number, Set<number>>();
  for (const { rules, reached: first } of cells) {
    for (const rule of rules.filter((one) => !first.includes(one))) {
      const earlier = entry(before, rule, () => new Set<number>());
      first.filter((one) => one < rule).forEach((one) => earlier.add(one));
    }
  }
  return configuration.policy.flatMap((_, rule) => {
    if (reached.has(rule)) return [];
    return [aboutRule("rule-never-matches", rule, whyNever(configuration, rule, [...(before.get(rule) ?? [])]))];
  });
}

function whyNever(configuration: Configuration, rule: number, before: readonly number[]): string {
  if (before.length > 0) {
    const names = before.toSorted((a, b) => a - b).map((one) => `policy[${one}]`);
    return `this rule never matches: all it allows is allowed before it by ${names.join(", ")}`;
  }
  const asked = configuration.policy[rule]!.when.flatMap(({ is }) => ("attribute" in is ? [is.attribute] : []));
  if (asked.some((attribute) => attribute !== nameAttribute))
    return `this rule never matches: no identity it is for has the attributes that its conditions ask for, ${asked.join(", ")}`;
  return "this rule never matches: it covers no configured key, or nobody can come in as one it is for";
}

/** A rule that asks for a grant is of little use where another allows the same without. */
function ungranted({ policy }: Configuration, cells: readonly Cell[]): PolicyFinding[] {
  const found = new Map<number, string>();
  for (const { identities, permission, key, rules, reached } of cells) {
    const free = reached.find((rule) => policy[rule]!.grant === undefined);
    if (free === undefined || permission !== "unwrap") continue;
    for (const rule of rules.filter((one) => policy[one]!.grant !== undefined && !found.has(one))) {
      found.set(
        rule,
        `the grant can be got around: policy[${free}] lets ${identities[0]} unwrap with ${key} without one`,
      );
    }
  }
  return [...found].map(([rule, message]) => aboutRule("grant-not-needed", rule, message));
}

/** Whoever has such an identity can read every backup there is, and make what will be restored. */
function wide({ policy }: Configuration, cells: readonly Cell[]): PolicyFinding[] {
  const wrappers = new Set(
    cells
      .filter(({ permission, reached }) => (permission === "wrap" || permission === "generate") && reached.length > 0)
      .map(({ identities, key }) => `${identities[0]} ${key}`),
  );
  const found = new Map<number, string>();
  for (const { identities, permission, key, reached } of cells) {
    if (permission !== "unwrap" || !wrappers.has(`${identities[0]} ${key}`)) continue;
    const rule = reached.find((one) => policy[one]!.grant === undefined && policy[one]!.keys.some(isPrefix));
    if (rule === undefined || found.has(rule)) continue;
    found.set(
      rule,
      `${identities[0]} may wrap with ${key} and unwrap all of ${policy[rule]!.keys.filter(isPrefix).join(", ")} without a grant: name the keys it needs, or part the two`,
    );
  }
  return [...found].map(([rule, message]) => aboutRule("wrap-and-unwrap-all", rule, message));
}

function isPrefix(pattern: string): boolean {
  return pattern.endsWith("*");
}

function leftOut(configuration: Configuration): PolicyFinding[] {
  const { policy, groups, identities, listeners } = configuration;
  const spokenOf = new Set(policy.flatMap(({ who }) => who.flatMap((name) => [name, ...(groups.get(name) ?? [])])));
  return [...askersOf(configuration).keys()]
    .filter((name) => !spokenOf.has(name))
    .map((name) => {
      const giver = [...listeners.values()].find((listener) => "unix" in listener && listener.identity === name);
      const isNamed = identities.has(name);
      return {
        kind: "identity-without-rule",
        path: isNamed ? ["identities", name] : ["listeners", giver!.name, "identity"],
        atName: isNamed,
        message: `no rule speaks of the identity ${name}, so it may do nothing`,
      };
    });
}

function sealed({ keys }: Configuration, cells: readonly Cell[]): PolicyFinding[] {
  const opened = new Set(cells.filter(({ permission }) => permission === "unwrap").map(({ key }) => key));
  return [...keys.keys()]
    .filter((key) => !opened.has(key))
    .map((key) => ({
      kind: "key-nobody-unwraps",
      path: ["keys", key],
      atName: true,
      message: `nobody may unwrap with the key ${key}`,
    }));
}

function rightsOf(cells: readonly Cell[]): UnwrapRight[] {
  const found = new Map<string, Map<number, string[]>>();
  for (const { identities, permission, key, reached } of cells) {
    if (permission !== "unwrap") continue;
    for (const identity of identities) {
      const byRule = entry(found, identity, () => new Map<number, string[]>());
      for (const rule of reached) entry(byRule, rule, (): string[] => []).push(key!);
    }
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([identity, byRule]) =>
      [...byRule].sort(([a], [b]) => a - b).map(([rule, keys]) => ({ identity, rule, keys })),
    );
}
