// Checks that names which refer to something name something. They look at the document as it stands, so that a fault
// elsewhere in an entry does not hide a misspelt name.

import { patternsCovering } from "../patterns.ts";
import { isMap } from "../draft.ts";
import { nearest } from "../nearest.ts";
import type { Finding, Path } from "../problem.ts";
import type { Faults } from "./faults.ts";

type Raw = Readonly<Record<string, unknown>>;

/** All checks of references. */
export function checkReferences(document: unknown, faults: Faults): void {
  const raw = isMap(document) ? document : {};
  const parts = {
    providers: mapOf(raw["providers"]),
    keys: mapOf(raw["keys"]),
    listeners: mapOf(raw["listeners"]),
    identities: mapOf(raw["identities"]),
  };
  checkEmpty(raw, faults);
  checkProviders(parts.keys, new Set(Object.keys(parts.providers)), faults);
  checkListenerNames(parts.identities, new Set(Object.keys(parts.listeners)), faults);
  const given = Object.values(parts.listeners).map((listener) => mapOf(listener)["identity"]);
  const identities = new Set([...Object.keys(parts.identities), ...given.filter((name) => typeof name === "string")]);
  const groups = mapOf(raw["groups"]);
  checkGroups(groups, identities, faults);
  const named = new Set([...identities, ...Object.keys(groups)]);
  checkWithin(parts.identities, identities, faults);
  const approvers = new Set(Object.keys(mapOf(raw["approvers"])));
  for (const [approver, entry] of Object.entries(mapOf(raw["approvers"])))
    checkNames(mapOf(entry)["identities"], ["approvers", approver, "identities"], "identity", identities, faults);
  const patterns = new Set(Object.keys(parts.keys).flatMap(patternsCovering));
  itemsOf(raw["policy"]).forEach(([rule, index]) => {
    checkNames(mapOf(rule)["who"], ["policy", index, "who"], "identity", named, faults);
    checkPatterns(mapOf(rule)["keys"], ["policy", index, "keys"], { keys: parts.keys, patterns }, faults);
    checkNames(mapOf(mapOf(rule)["grant"])["from"], ["policy", index, "grant", "from"], "approver", approvers, faults);
  });
}

function checkEmpty(raw: Raw, { errors }: Faults): void {
  for (const part of ["providers", "keys", "listeners"]) {
    const value = raw[part];
    if (isMap(value) && Object.keys(value).length === 0)
      errors.push({ path: [part], message: "at least one must be here" });
  }
}

function checkProviders(keys: Raw, known: ReadonlySet<string>, { errors }: Faults): void {
  const lists = Object.entries(keys).flatMap(([key, entry]) =>
    ["wrapTo", "unwrapOnly"].map((field) => ({ list: mapOf(entry)[field], path: ["keys", key, field] })),
  );
  for (const { list, path } of lists) {
    for (const [recipient, index] of itemsOf(list)) {
      const name = mapOf(recipient)["provider"];
      if (typeof name !== "string" || known.has(name)) continue;
      errors.push(unknownName([...path, index, "provider"], "provider", name, known, errors.length));
    }
  }
}

function checkListenerNames(identities: Raw, known: ReadonlySet<string>, { errors }: Faults): void {
  for (const [identity, entry] of Object.entries(identities)) {
    const name = mapOf(entry)["listener"];
    if (typeof name !== "string" || known.has(name)) continue;
    errors.push(unknownName(["identities", identity, "listener"], "listener", name, known, errors.length));
  }
}

function checkWithin(entries: Raw, known: ReadonlySet<string>, { errors }: Faults): void {
  for (const [identity, entry] of Object.entries(entries)) {
    const name = mapOf(entry)["within"];
    if (typeof name !== "string" || known.has(name)) continue;
    errors.push(unknownName(["identities", identity, "within"], "identity", name, known, errors.length));
  }
}

function checkNames(value: unknown, path: Path, what: string, known: ReadonlySet<string>, { errors }: Faults): void {
  for (const [name, index] of textsOf(value)) {
    if (!known.has(name)) errors.push(unknownName([...path, index], what, name, known, errors.length));
  }
}

/** A group has identities alone, and no name that an identity has: `who` could mean either. */
function checkGroups(groups: Raw, identities: ReadonlySet<string>, faults: Faults): void {
  for (const [group, members] of Object.entries(groups)) {
    if (identities.has(group)) {
      const message = "an identity has this name too: a rule that speaks of it could mean either";
      faults.errors.push({ path: ["groups", group], atName: true, message });
    }
    checkNames(members, ["groups", group], "identity", identities, faults);
  }
}

/** The keys, and every pattern that covers one of them. */
interface Coverable {
  readonly keys: Raw;
  readonly patterns: ReadonlySet<string>;
}

function checkPatterns(value: unknown, path: Path, known: Coverable, { errors }: Faults): void {
  if (known.patterns.size === 0) return;
  for (const [pattern, index] of textsOf(value)) {
    if (!known.patterns.has(pattern)) errors.push(withoutKey([...path, index], pattern, known, errors.length));
  }
}

function withoutKey(path: Path, pattern: string, { keys, patterns }: Coverable, before: number): Finding {
  const message = `no key is "${pattern}": this could never allow anything`;
  if (before >= maxSuggestions) return { path, message };
  const isFormer = (name: string) => textsOf(mapOf(keys[name])["formerNames"]).some(([former]) => former === pattern);
  const present = Object.keys(keys).find(isFormer);
  if (present !== undefined) {
    return { path, message: `"${pattern}" is a former name: rules speak of present ones`, nearest: present };
  }
  const alike = [...patterns].filter((other) => other !== "*" && other.endsWith("*") === pattern.endsWith("*"));
  return withNearest({ path, message }, pattern, new Set(alike), before);
}

function unknownName(path: Path, what: string, written: string, known: ReadonlySet<string>, before: number): Finding {
  return withNearest({ path, message: `there is no ${what} "${written}"` }, written, known, before);
}

/** Past these many faults nobody reads the suggestions, and with many names they take long to find. */
const maxSuggestions = 100;

/** Adds the nearest name, or else all of them while they are few. `before` is how many faults there are already. */
function withNearest(finding: Finding, written: string, known: ReadonlySet<string>, before: number): Finding {
  if (before >= maxSuggestions) return finding;
  const near = nearest(written, known);
  if (near !== undefined) return { ...finding, nearest: near };
  return known.size === 0 || known.size > 10 ? finding : { ...finding, expected: `one of ${[...known].join(", ")}` };
}

function mapOf(value: unknown): Raw {
  return isMap(value) ? value : {};
}

function itemsOf(value: unknown): [unknown, number][] {
  return Array.isArray(value) ? value.map((item, index) => [item, index]) : [];
}

/** The texts of a list, or a text that stands alone. */
function textsOf(value: unknown): [string, number][] {
  const items = typeof value === "string" ? [[value, 0] as [unknown, number]] : itemsOf(value);
  return items.filter((item): item is [string, number] => typeof item[0] === "string");
}
