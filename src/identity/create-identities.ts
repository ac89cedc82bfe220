// Makes the identities of a configuration: of sockets, certificates and tokens, with the files they are proven by.

import { watchFiles, type Configuration, type IdentityConfiguration } from "../config/index.ts";
import { createCertificates } from "./certificates.ts";
import type { Identities, Identity, IdentityEvents, TrustFile } from "./identity.ts";
import { openKeySource, type KeySource, type KeySourceParts } from "./key-source.ts";
import { createTokens, type TokenIdentity, type Tokens } from "./tokens.ts";
import { readTrustFiles, type TrustFiles } from "./trust-files.ts";

/** What identities are made with. */
export interface IdentityParts {
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  readonly events?: IdentityEvents;
  /** Those before a reload: keys that they fetched are not fetched again. */
  readonly previous?: Identities | undefined;
  /** For tests. */
  readonly fetchKeys?: KeySourceParts["fetchKeys"];
}

const unheard: IdentityEvents = {
  renewed: () => undefined,
  kept: () => undefined,
  unreachable: () => undefined,
  tokenRefused: () => undefined,
};

/** Sources of keys by their place, for the identities after them. */
const sourcesOf = new WeakMap<Identities, ReadonlyMap<string, KeySource>>();

/**
 * The identities of a configuration. Reads their files, and from then on looks once a second whether one has changed:
 * one that cannot be used leaves what was read before in force. Rejects with PemError, naming the file, when one cannot
 * be used now. They must be closed.
 */
export async function createIdentities(configuration: Configuration, parts: IdentityParts = {}): Promise<Identities> {
  const { clock = Date.now, events = unheard } = parts;
  const entries = [...configuration.identities.values()];
  // Before they are read, so that no change falls in between.
  const watch = watchFiles(entries.flatMap(filesOf));
  const trust = await readTrustFiles(configuration);
  const sources = openSources(entries, { ...parts, clock, events });
  const sockets = socketIdentities(configuration);
  const certificates = createCertificates(
    entries.flatMap((entry) => certificateIdentity(entry, trust)),
    clock,
  );
  const tokens = await tokensOf(entries, sources, clock, events);
  watch.start(async (files) => {
    for (const file of files) await renew(file, trust, sources, events);
    certificates.forget();
  });
  const identities: Identities = {
    ofSocket: (listener) => sockets.get(listener),
    ofCertificate: (listener, certificate) => certificates.find(listener, certificate),
    ofToken: tokens,
    refresh: () => watch.look(),
    close: () => watch.stop(),
  };
  sourcesOf.set(identities, sources);
  return identities;
}

function filesOf({ ca, crl, token }: IdentityConfiguration): string[] {
  const keys = token && "file" in token.keys ? token.keys.file : undefined;
  return [ca, crl, keys].filter((file) => file !== undefined);
}

function socketIdentities({ listeners }: Configuration): ReadonlyMap<string, Identity> {
  const named = [...listeners.values()].filter((listener) => "unix" in listener);
  return new Map(named.map(({ name, identity, attributes }) => [name, Object.freeze({ name: identity, attributes })]));
}

function certificateIdentity(configuration: IdentityConfiguration, files: TrustFiles) {
  const { name, attributes, ca, crl } = configuration;
  if (ca === undefined) return [];
  return [{ identity: Object.freeze({ name, attributes }), configuration, trust: () => files.of(ca, crl) }];
}

/** One source for all identities with keys from one place. */
function openSources(
  entries: readonly IdentityConfiguration[],
  parts: IdentityParts & KeySourceParts,
): ReadonlyMap<string, KeySource> {
  const before = parts.previous && sourcesOf.get(parts.previous);
  const sources = new Map<string, KeySource>();
  for (const { token } of entries) {
    if (token === undefined || sources.has(placeOf(token.keys))) continue;
    const kept = "url" in token.keys ? before?.get(placeOf(token.keys)) : undefined;
    sources.set(placeOf(token.keys), kept ?? openKeySource(token.keys, parts));
  }
  return sources;
}

type Place = NonNullable<IdentityConfiguration["token"]>["keys"];

function placeOf(keys: Place): string {
  return "file" in keys ? keys.file : JSON.stringify([keys.url, keys.ca]);
}

async function tokensOf(
  entries: readonly IdentityConfiguration[],
  sources: ReadonlyMap<string, KeySource>,
  clock: () => number,
  events: IdentityEvents,
): Promise<Tokens> {
  const all = entries.flatMap(({ name, attributes, listener, within, token }): TokenIdentity[] => {
    if (token === undefined) return [];
    return [{ identity: { name, attributes }, listener, within, token, source: sources.get(placeOf(token.keys))! }];
  });
  // A listener without tokens refuses them all: a credential that nobody can judge is not passed over.
  if (all.length === 0) return ({ listener }) => void events.tokenRefused(listener, "unknown");
  return createTokens(await import("jose"), all, clock, events);
}

async function renew(
  file: string,
  trust: TrustFiles,
  sources: ReadonlyMap<string, KeySource>,
  events: IdentityEvents,
): Promise<void> {
  let what: TrustFile = "authorities";
  try {
    const source = sources.get(file);
    if (source !== undefined) {
      what = "keys";
      source.reread();
      events.renewed(what, file);
    }
    const read = await trust.reread(file);
    if (read !== undefined) events.renewed(read, file);
  } catch (error) {
    events.kept(what, file, error as Error);
  }
}
