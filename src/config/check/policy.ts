// Checks of rules: what could never be allowed, and identities and keys that no rule speaks of.

import { bringsContext, bringsEnvelope, namesKey, patternsCovering } from "../patterns.ts";
import type { Parts } from "../build.ts";
import type { Permission, RuleConfiguration } from "../configuration.ts";
import type { Path } from "../problem.ts";
import type { Faults } from "./faults.ts";

/** Who can come in, and by which listeners. */
type Ways = ReadonlyMap<string, ReadonlySet<string>>;

/** All checks of the policy. */
export function checkPolicy(parts: Parts, faults: Faults): void {
  const ways = waysIn(parts);
  for (const [index, rule] of parts.rules) {
    const path = ["policy", index];
    checkPermissions(rule, path, faults);
    checkContradictions(rule, path, faults);
    checkAdmin(rule, path, parts, ways, faults);
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

/** The identities that a rule is for: those of its groups too. */
function membersOf({ who }: RuleConfiguration, { shell }: Parts): readonly string[] {
  const groups = shell?.groups ?? {};
  return [...new Set(who.flatMap((name) => (Object.hasOwn(groups, name) ? groups[name]! : [name])))];
}

function checkPermissions(rule: RuleConfiguration, path: Path, { errors }: Faults): void {
  rule.may.forEach((permission, index) => {
    const message = uselessness(rule, permission);
    if (message !== undefined) errors.push({ path: [...path, "may", index], message });
  });
}

/** Why the rule could never allow this, or could not do what it says; undefined when it can. */
function uselessness({ keys, when, quota, grant }: RuleConfiguration, permission: Permission): string | undefined {
  if (!namesKey(permission) && !keys.includes("*"))
    return `${permission} is about no key: it could never be allowed unless keys is "*"`;
  if (when.length > 0 && !bringsContext(permission))
    return `${permission} brings no context, so it could never be allowed where when asks for one: give it a rule of its own`;
  if (quota.length > 0 && permission.startsWith("admin."))
    return `${permission} is not charged to quotas: give it a rule of its own`;
  if (grant !== undefined && !bringsEnvelope(permission))
    return `${permission} brings no envelope, and grants are for envelopes: give it a rule of its own`;
  return undefined;
}

/** Conditions on one pair whose texts have none in common. */
function checkContradictions({ when }: RuleConfiguration, path: Path, { errors }: Faults): void {
  const left = new Map<string, readonly string[]>();
  when.forEach(({ name, is }, index) => {
    if (!("oneOf" in is)) return;
    const before = left.get(name);
    const both = before === undefined ? is.oneOf : is.oneOf.filter((text) => before.includes(text));
    left.set(name, both);
    if (both.length > 0 || before?.length === 0) return;
    const message = `no context.${name} can meet this and the conditions before it: the rule could never allow anything`;
    errors.push({ path: [...path, "when", index], message });
  });
}

function checkAdmin(rule: RuleConfiguration, path: Path, parts: Parts, ways: Ways, faults: Faults): void {
  const members = membersOf(rule, parts);
  rule.may.forEach((permission, index) => {
    if (!permission.startsWith("admin.")) return;
    for (const who of members) {
      const by = [...(ways.get(who) ?? [])].map((name) => parts.listeners.get(name));
      if (by.length === 0 || by.some((listener) => listener === undefined || listener.admin)) continue;
      const message = `${who} comes in by no listener with admin: true, so ${permission} is of no use to it`;
      faults.warnings.push({ path: [...path, "may", index], message });
    }
  });
}

function checkUnused(parts: Parts, ways: Ways, { warnings }: Faults): void {
  const rules = [...parts.rules.values()];
  if (rules.length === 0) {
    warnings.push({ path: ["policy"], atName: true, message: "there is no rule, so nobody may do anything" });
    return;
  }
  const patterns = new Set(rules.flatMap(({ keys }) => keys));
  const who = new Set(rules.flatMap((rule) => rule.who));
  for (const key of parts.names.keys) {
    if (patternsCovering(key).some((pattern) => patterns.has(pattern))) continue;
    warnings.push({ path: ["keys", key], atName: true, message: "no rule speaks of this key, so nobody may use it" });
  }
  for (const [group, members] of Object.entries(parts.shell?.groups ?? {})) {
    if (who.has(group)) members.forEach((member) => who.add(member));
    else warnings.push({ path: ["groups", group], atName: true, message: "no rule speaks of this group" });
  }
  for (const name of ways.keys()) {
    if (who.has(name)) continue;
    const message = `no rule speaks of the identity "${name}", so it may do nothing`;
    warnings.push({ ...placeOfIdentity(parts, name), message });
  }
}

function placeOfIdentity({ names, listeners }: Parts, who: string): { path: Path; atName?: boolean } {
  if (names.identities.has(who)) return { path: ["identities", who], atName: true };
  const giver = [...listeners.values()].find((listener) => "unix" in listener && listener.identity === who);
  return { path: ["listeners", giver?.name ?? "", "identity"] };
}
