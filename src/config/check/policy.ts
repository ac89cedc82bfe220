// Checks of rules: permissions that are of no use, and identities and keys that no rule speaks of.

import { namesKey, patternsCovering } from "../patterns.ts";
import type { Parts } from "../build.ts";
import type { RuleConfiguration } from "../configuration.ts";
import type { Path } from "../problem.ts";
import type { Faults } from "./faults.ts";

/** Who can come in, and by which listeners. */
type Ways = ReadonlyMap<string, ReadonlySet<string>>;

/** All checks of the policy. */
export function checkPolicy(parts: Parts, faults: Faults): void {
  const ways = waysIn(parts);
  for (const [index, rule] of parts.rules) {
    checkAdmin(rule, ["policy", index], parts, ways, faults);
  }
  if (parts.shell !== undefined && parts.rules.size === parts.shell.policy.length) checkUnused(parts, ways, faults);
}

function waysIn({ listeners, identities, names }: Parts): Ways {
  const ways = new Map<string, Set<string>>([...names.identities].map((name) => [name, new Set<string>()]));
  for (const listener of listeners.values()) {
    if (!("unix" in listener)) continue;
    ways.set(listener.identity, (ways.get(listener.identity) ?? new Set()).add(listener.name));
  }
  for (const { name, listener } of identities.values()) ways.get(name)?.add(listener);
  return ways;
}

function checkAdmin(rule: RuleConfiguration, path: Path, { listeners }: Parts, ways: Ways, faults: Faults): void {
  rule.may.forEach((permission, index) => {
    const place = [...path, "may", index];
    if (!namesKey(permission) && !rule.keys.includes("*")) {
      const message = `${permission} is about no key: it could never be allowed unless keys is "*"`;
      faults.errors.push({ path: place, message });
    }
    if (!permission.startsWith("admin.")) return;
    for (const who of rule.who) {
      const by = [...(ways.get(who) ?? [])].map((name) => listeners.get(name));
      if (by.length === 0 || by.some((listener) => listener === undefined || listener.admin)) continue;
      const message = `${who} comes in by no listener with admin: true, so ${permission} is of no use to it`;
      faults.warnings.push({ path: place, message });
    }
  });
}

function checkUnused(parts: Parts, ways: Ways, { warnings }: Faults): void {
  const rules = [...parts.rules.values()];
  if (rules.length === 0) {
    warnings.push({ path: ["policy"], atName: true, message: "there is no rule, so nobody may do anything" });
    return;
  }
  const spokenOf = {
    patterns: new Set(rules.flatMap(({ keys }) => keys)),
    who: new Set(rules.flatMap(({ who }) => who)),
  };
  for (const key of parts.names.keys) {
    if (patternsCovering(key).some((pattern) => spokenOf.patterns.has(pattern))) continue;
    warnings.push({ path: ["keys", key], atName: true, message: "no rule speaks of this key, so nobody may use it" });
  }
  for (const who of ways.keys()) {
    if (spokenOf.who.has(who)) continue;
    const message = `no rule speaks of the identity "${who}", so it may do nothing`;
    warnings.push({ ...placeOfIdentity(parts, who), message });
  }
}

function placeOfIdentity({ names, listeners }: Parts, who: string): { path: Path; atName?: boolean } {
  if (names.identities.has(who)) return { path: ["identities", who], atName: true };
  const giver = [...listeners.values()].find((listener) => "unix" in listener && listener.identity === who);
  return { path: ["listeners", giver?.name ?? "", "identity"] };
}
