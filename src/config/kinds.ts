// Providers and recipients as their kinds read them: settings, references, and what tells one from another.

import { createHash } from "node:crypto";
import { z } from "zod";
import { isBrokerError } from "../errors/index.ts";
import { firstPartyKinds, loadKind, type KindReference, type ProviderKind } from "../provider/index.ts";
import type { ProviderConfiguration, RecipientConfiguration } from "./configuration.ts";
import type { Part } from "./draft.ts";
import { parseWith } from "./issues.ts";
import { nearest } from "./nearest.ts";
import type { Finding, Path } from "./problem.ts";
import type { ProviderEntry } from "./schema/providers.ts";

/** Finds a kind; it throws a BrokerError when there is none. */
export type LoadKind = (reference: KindReference) => Promise<ProviderKind>;

/** Takes whatever stands there. */
const unread = z.looseObject({});

/** Finds a stand-in that reads nothing and opens nothing, for every kind. */
export const loadNoKind: LoadKind = ({ kind }) =>
  Promise.resolve({
    kind,
    number: 0,
    schemes: [],
    settings: unread,
    reference: unread,
    open: () => Promise.reject(new Error(`provider kind ${kind} was not loaded`)),
  });

/** What became of the part `providers`. */
export interface Providers {
  /** Those without faults. */
  readonly configurations: ReadonlyMap<string, ProviderConfiguration>;
  /** The kinds of those whose kind could be loaded, by the provider's name. */
  readonly kinds: ReadonlyMap<string, ProviderKind>;
  readonly findings: readonly Finding[];
}

/** Loads every provider's kind and has it read the settings. */
export async function readProviders(part: Part<ProviderEntry>, load: LoadKind = loadKind): Promise<Providers> {
  const configurations = new Map<string, ProviderConfiguration>();
  const kinds = new Map<string, ProviderKind>();
  const findings: Finding[] = [];
  for (const [name, { kind, module, process, ...rest }] of part.entries) {
    const loaded = await find(load, { kind, module, process }, name);
    if ("message" in loaded) {
      findings.push(loaded);
      continue;
    }
    kinds.set(name, loaded);
    const settings = parseWith(loaded.settings, rest, ["providers", name]);
    findings.push(...settings.findings);
    if (settings.findings.length > 0) continue;
    const digest = digestOf({ kind, module: module ?? null, process: process ?? null, settings: settings.value });
    configurations.set(name, { name, kind, module, process, settings: settings.value, digest });
  }
  return { configurations, kinds, findings };
}

async function find(load: LoadKind, reference: KindReference, name: string): Promise<ProviderKind | Finding> {
  try {
    return await load(reference);
  } catch (error) {
    if (!isBrokerError(error)) throw error;
    const field = reference.module === undefined ? "kind" : "module";
    const near = reference.module === undefined ? nearest(reference.kind, firstPartyKinds) : undefined;
    const finding = { path: ["providers", name, field], message: error.message };
    return near === undefined ? finding : { ...finding, nearest: near };
  }
}

/** One recipient as its provider's kind reads it; undefined with the reason in `findings`, unless that is known. */
export function readRecipient(
  { provider, ...rest }: { readonly provider: string },
  path: Path,
  providers: Providers,
  findings: Finding[],
): RecipientConfiguration | undefined {
  const kind = providers.kinds.get(provider);
  if (kind === undefined) return undefined;
  const reference = parseWith(kind.reference, rest, path);
  findings.push(...reference.findings);
  return reference.findings.length === 0 ? { provider, reference: reference.value } : undefined;
}

/** Equal digests mean equal values. A secret stands in it by its source's stamp, never by its value. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}

/** JSON with every map's names sorted. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === "bigint") return `${inner}n`;
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    const pairs = Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(pairs);
  });
}
