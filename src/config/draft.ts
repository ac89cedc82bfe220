// Reads the document entry by entry, so that one wrong entry does not hide what is wrong with the others.

import type { z } from "zod";
import { parseWith } from "./issues.ts";
import type { Finding, Path } from "./problem.ts";
import { identity, type IdentityEntry } from "./schema/identities.ts";
import { key, type KeyEntry } from "./schema/keys.ts";
import { listenerSchema, type ListenerEntry } from "./schema/listeners.ts";
import { rule, type RuleEntry } from "./schema/policy.ts";
import { provider, type ProviderEntry } from "./schema/providers.ts";
import { shell, type ShellEntry } from "./schema/root.ts";
import { keyName, name } from "./schema/words.ts";

/** The named entries of one part. */
export interface Part<Entry> {
  /** Every name that stands there, also of entries with faults: references to those are no second fault. */
  readonly names: ReadonlySet<string>;
  /** The entries without faults. */
  readonly entries: ReadonlyMap<string, Entry>;
}

/** What could be read of a document. */
export interface Draft {
  /** Undefined when the outermost fields have faults. */
  readonly shell: ShellEntry | undefined;
  readonly providers: Part<ProviderEntry>;
  readonly keys: Part<KeyEntry>;
  readonly listeners: Part<ListenerEntry>;
  readonly identities: Part<IdentityEntry>;
  /** By their index in the file; rules with faults are missing. */
  readonly rules: ReadonlyMap<number, RuleEntry>;
  readonly findings: readonly Finding[];
}

/** Reads all parts. */
export function readDraft(document: unknown): Draft {
  const outer = parseWith(shell, document, []);
  const findings: Finding[] = [...outer.findings];
  const raw = isMap(document) ? document : {};
  const part = <Entry>(field: string, names: z.ZodType<string>, schema: (value: unknown) => z.ZodType<Entry>) =>
    readPart(raw[field], [field], names, schema, findings);
  return {
    shell: outer.value,
    providers: part("providers", name, () => provider),
    keys: part("keys", keyName, () => key),
    listeners: part<ListenerEntry>("listeners", name, listenerSchema),
    identities: part("identities", name, () => identity),
    rules: readRules(raw["policy"], findings),
    findings,
  };
}

function readPart<Entry>(
  raw: unknown,
  base: Path,
  names: z.ZodType<string>,
  schema: (value: unknown) => z.ZodType<Entry>,
  findings: Finding[],
): Part<Entry> {
  const entries = new Map<string, Entry>();
  if (!isMap(raw)) return { names: new Set(), entries };
  for (const [entryName, value] of Object.entries(raw)) {
    const path = [...base, entryName];
    const named = parseWith(names, entryName, path);
    findings.push(...named.findings.map((finding) => ({ ...finding, atName: true })));
    const parsed = parseWith(schema(value), value, path);
    findings.push(...parsed.findings);
    if (parsed.findings.length === 0) entries.set(entryName, parsed.value as Entry);
  }
  return { names: new Set(Object.keys(raw)), entries };
}

function readRules(raw: unknown, findings: Finding[]): Map<number, RuleEntry> {
  const rules = new Map<number, RuleEntry>();
  if (!Array.isArray(raw)) return rules;
  raw.forEach((value: unknown, index) => {
    const parsed = parseWith(rule, value, ["policy", index]);
    findings.push(...parsed.findings);
    if (parsed.value !== undefined) rules.set(index, parsed.value);
  });
  return rules;
}

/** Whether this is a map of the document. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
