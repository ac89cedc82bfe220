// Configurations over faulty providers, and their examination.

import { configurationFrom } from "../../../src/config/index.ts";
import type { Configuration } from "../../../src/config/index.ts";
import { examineProvider } from "../../../src/doctor/index.ts";
import type { Diagnosis, Examination } from "../../../src/doctor/index.ts";
import type { ProviderKind } from "../../../src/provider/index.ts";

/** A key's part of a configuration, one line of YAML flow. */
const oneKey = "backups/db: { wrapTo: [{ provider: p, id: m1 }] }";

/** A configuration with the provider `p` of a kind. */
export async function configured(kind: ProviderKind, keys: string = oneKey): Promise<Configuration> {
  const text = `
version: 1
realm: test
providers: { p: { kind: ${kind.kind} } }
keys: { ${keys} }
listeners: { s: { unix: s.sock, identity: a } }
policy: [{ who: a, may: [wrap], keys: "*" }]
`;
  return (await configurationFrom(text, { loadKind: () => Promise.resolve(kind) })).configuration;
}

/** Everything that an examination of `p` finds. */
export async function examined(
  kind: ProviderKind,
  more: Partial<Examination> & { readonly keys?: string } = {},
): Promise<Diagnosis[]> {
  const configuration = await configured(kind, more.keys);
  const provider = configuration.providers.get("p")!;
  const kinds = () => Promise.resolve(kind);
  const found: Diagnosis[] = [];
  for await (const diagnosis of examineProvider({ configuration, provider, timeoutMs: 2_000, kinds, ...more }))
    found.push(diagnosis);
  return found;
}

/** What was looked at, with what came of it: `good probe`. */
export function outcomes(found: readonly Diagnosis[]): string[] {
  return found.map(({ outcome, check }) => `${outcome} ${check}`);
}

/** The one bad finding. */
export function theBad(found: readonly Diagnosis[]): Diagnosis {
  const [first, ...others] = found.filter(({ outcome }) => outcome === "bad");
  if (first === undefined || others.length > 0) throw new Error(`not one bad finding: ${JSON.stringify(found)}`);
  return first;
}
