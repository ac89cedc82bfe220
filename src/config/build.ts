// Makes the contract's objects from what was read: defaults in place, paths absolute, kinds asked.

import { resolve } from "node:path";
import type {
  ApproverConfiguration,
  IdentityConfiguration,
  KeyConfiguration,
  ListenerConfiguration,
  RecipientConfiguration,
  RuleConfiguration,
  TokenConfiguration,
} from "./configuration.ts";
import type { Draft } from "./draft.ts";
import { readRecipient, type Providers } from "./kinds.ts";
import type { Finding } from "./problem.ts";
import type { IdentityEntry } from "./schema/identities.ts";
import type { KeyEntry } from "./schema/keys.ts";
import type { ListenerEntry } from "./schema/listeners.ts";
import { buildRule } from "./schema/policy.ts";
import type { ShellEntry } from "./schema/root.ts";

/** The named parts, each with the entries that have no fault of their own. */
export interface Parts {
  readonly providers: Providers;
  readonly keys: ReadonlyMap<string, KeyConfiguration>;
  readonly listeners: ReadonlyMap<string, ListenerConfiguration>;
  readonly identities: ReadonlyMap<string, IdentityConfiguration>;
  readonly approvers: ReadonlyMap<string, ApproverConfiguration>;
  /** By their index in the file. */
  readonly rules: ReadonlyMap<number, RuleConfiguration>;
  /** All names that stand in the file, also of entries with faults. */
  readonly names: Readonly<Record<"keys" | "listeners" | "identities", ReadonlySet<string>>>;
  readonly shell: ShellEntry | undefined;
}

/** Builds the parts; faults of recipients go to `findings`. Relative paths are taken from `folder`. */
export function buildParts(draft: Draft, providers: Providers, folder: string, findings: Finding[]): Parts {
  const { keys, listeners, identities, rules, shell } = draft;
  return {
    providers,
    keys: mapEntries(keys.entries, (name, entry) => buildKey(name, entry, providers, findings)),
    listeners: mapEntries(listeners.entries, (name, entry) => buildListener(name, entry, folder)),
    identities: mapEntries(identities.entries, (name, entry) => buildIdentity(name, entry, folder)),
    approvers: mapEntries(new Map(Object.entries(shell?.approvers ?? {})), (name, { sshKey, identities: own }) => ({
      name,
      sshKey: resolve(folder, sshKey),
      identities: own,
    })),
    rules: new Map([...rules].map(([index, entry]) => [index, buildRule(entry)])),
    names: { keys: keys.names, listeners: listeners.names, identities: identities.names },
    shell,
  };
}

function mapEntries<From, To>(entries: ReadonlyMap<string, From>, make: (name: string, entry: From) => To) {
  return new Map([...entries].map(([name, entry]) => [name, make(name, entry)]));
}

function buildKey(name: string, entry: KeyEntry, providers: Providers, findings: Finding[]): KeyConfiguration {
  const recipients = (field: "wrapTo" | "unwrapOnly"): RecipientConfiguration[] =>
    entry[field]
      .map((recipient, index) => readRecipient(recipient, ["keys", name, field, index], providers, findings))
      .filter((recipient) => recipient !== undefined);
  const { branchKey, unwrapCache } = entry;
  return {
    name,
    formerNames: entry.formerNames,
    wrapTo: recipients("wrapTo"),
    unwrapOnly: recipients("unwrapOnly"),
    wrapNeeds: entry.wrapNeeds ?? entry.wrapTo.length,
    unwrapNeeds: entry.unwrapNeeds,
    unwrapDelayMs: entry.unwrapDelay,
    context: entry.context,
    branchKey: { maxAgeMs: branchKey.maxAge, maxWraps: branchKey.maxWraps, graceMs: branchKey.grace },
    unwrapCache:
      unwrapCache === "none"
        ? { maxAgeMs: 0, maxEntries: 0 }
        : { maxAgeMs: unwrapCache.maxAge, maxEntries: unwrapCache.maxEntries },
    verifyWrap: entry.verifyWrap === "all",
    onStoreLoss: entry.onStoreLoss,
  };
}

function buildListener(name: string, entry: ListenerEntry, folder: string): ListenerConfiguration {
  const { admin, maxConnections } = entry;
  const common = { name, admin, maxConnections };
  if ("tcp" in entry) {
    const tls = { cert: resolve(folder, entry.tls.cert), key: resolve(folder, entry.tls.key) };
    return { ...common, tcp: entry.tcp, tls };
  }
  const { mode, uid, gid, identity, attributes } = entry;
  return { ...common, unix: resolve(folder, entry.unix), mode, uid, gid, identity, attributes };
}

function buildIdentity(name: string, entry: IdentityEntry, folder: string): IdentityConfiguration {
  const { listener, ca, crl, spiffe, dns, jwt, within, attributes } = entry;
  const file = (path: string | undefined) => (path === undefined ? undefined : resolve(folder, path));
  const token = jwt && buildToken(jwt, folder);
  return { name, listener, ca: file(ca), crl: file(crl), spiffe, dns, token, within, attributes };
}

function buildToken(entry: NonNullable<IdentityEntry["jwt"]>, folder: string): TokenConfiguration {
  const { issuer, audience, subject, algorithms, jwks, jwksCa, maxLifetime, clockSkew, claims } = entry;
  const ca = jwksCa === undefined ? undefined : resolve(folder, jwksCa);
  const keys = "url" in jwks ? { url: jwks.url, ca } : { file: resolve(folder, jwks.file) };
  return { issuer, audience, subject, algorithms, keys, maxLifetimeMs: maxLifetime, clockSkewMs: clockSkew, claims };
}
