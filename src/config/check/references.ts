// Checks that names which refer to something name something. They look at the document as it stands, so that a fault
// elsewhere in an entry does not hide a misspelt name.

import { covers } from "../patterns.ts";
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
  checkProviders(parts.keys, Object.keys(parts.providers), faults);
  checkListenerNames(parts.identities, Object.keys(parts.listeners), faults);
  const given = Object.values(parts.listeners).map((listener) => mapOf(listener)["identity"]);
  const identities = [...Object.keys(parts.identities), ...given.filter((name) => typeof name === "string")];
  itemsOf(raw["policy"]).forEach(([rule, index]) => {
    checkWho(mapOf(rule)["who"], ["policy", index, "who"], identities, faults);
    checkPatterns(mapOf(rule)["keys"], ["policy", index, "keys"], parts.keys, faults);
  });
}

function checkEmpty(raw: Raw, { errors }: Faults): void {
  for (const part of ["providers", "keys", "listeners"]) {
    const value = raw[part];
    if (isMap(value) && Object.keys(value).length === 0)
      errors.push({ path: [part], message: "at least one must be here" });
  }
}

function checkProviders(keys: Raw, known: readonly string[], { errors }: Faults): void {
  const lists = Object.entries(keys).flatMap(([key, entry]) =>
    ["wrapTo", "unwrapOnly"].map((field) => ({ list: mapOf(entry)[field], path: ["keys", key, field] })),
  );
  for (const { list, path } of lists) {
    for (const [recipient, index] of itemsOf(list)) {
      const name = mapOf(recipient)["provider"];
      if (typeof name !== "string" || known.includes(name)) continue;
      errors.push(unknownName([...path, index, "provider"], "provider", name, known));
    }
  }
}

function checkListenerNames(identities: Raw, known: readonly string[], { errors }: Faults): void {
  for (const [identity, entry] of Object.entries(identities)) {
    const name = mapOf(entry)["listener"];
    if (typeof name !== "string" || known.includes(name)) continue;
    errors.push(unknownName(["identities", identity, "listener"], "listener", name, known));
  }
}

function checkWho(value: unknown, path: Path, known: readonly string[], { errors }: Faults): void {
  for (const [name, index] of textsOf(value)) {
    if (!known.includes(name)) errors.push(unknownName([...path, index], "identity", name, known));
  }
}

function checkPatterns(value: unknown, path: Path, keys: Raw, { errors }: Faults): void {
  const names = Object.keys(keys);
  for (const [pattern, index] of textsOf(value)) {
    if (names.length === 0 || pattern === "*" || names.some((name) => covers(pattern, name))) continue;
    errors.push(withoutKey([...path, index], pattern, keys));
  }
}

function withoutKey(path: Path, pattern: string, keys: Raw): Finding {
  const names = Object.keys(keys);
  const present = names.find((name) =>
    textsOf(mapOf(keys[name])["formerNames"]).some(([former]) => former === pattern),
  );
  if (present !== undefined) {
    return { path, message: `"${pattern}" is a former name: rules speak of present ones`, nearest: present };
  }
  const prefixes = names.flatMap((name) => [...name.matchAll(/\//g)].map(({ index }) => `${name.slice(0, index)}/*`));
  const message = `no key is "${pattern}": this could never allow anything`;
  return withNearest({ path, message }, pattern, pattern.endsWith("*") ? prefixes : names);
}

function unknownName(path: Path, what: string, written: string, known: readonly string[]): Finding {
  return withNearest({ path, message: `there is no ${what} "${written}"` }, written, known);
}

/** Adds the nearest name, or else all of them while they are few. */
function withNearest(finding: Finding, written: string, known: readonly string[]): Finding {
  const near = nearest(written, known);
  if (near !== undefined) return { ...finding, nearest: near };
  return known.length === 0 || known.length > 10 ? finding : { ...finding, expected: `one of ${known.join(", ")}` };
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
