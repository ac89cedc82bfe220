// Unwrapping: finds what opens an envelope, in the cache or through its recipients.

import { openFor } from "../envelope/index.ts";
import type { Envelope } from "../envelope/index.ts";
import { copy } from "../secret/index.ts";
import type { Scope, Soon, Unsealed } from "./broker.ts";
import { asProviderFailure } from "./failures.ts";
import { isOutdated, judge } from "./judge.ts";
import type { Judgement, Realms } from "./judge.ts";
import type { Key } from "./keyring.ts";
import type { BrokerObserver } from "./observer.ts";
import { openBranch } from "./open-branch.ts";
import type { Branch } from "./recipients.ts";
import type { OpeningKey } from "./unwrap-cache.ts";
import { within } from "./wait.ts";

/** What opening needs beside the key. */
export interface OpeningSetting {
  readonly realms: Realms;
  readonly observer: BrokerObserver;
}

/** Opens an envelope for a context. An envelope of a cached branch key opens synchronously, without a promise. */
export function unwrap(
  key: Key,
  setting: OpeningSetting,
  envelope: Envelope,
  contextHash: Uint8Array,
  scope: Scope,
): Soon<Unsealed> {
  const cached = key.state.cache.find(envelope);
  if (cached) return unseal(cached, envelope, contextHash);
  return load(key, setting, envelope, scope).then((opening) => unseal(opening, envelope, contextHash));
}

/**
 * What opens an envelope. The cache needs no judgement of its own: it holds branch headers that this configuration
 * accepted, and answers for equal ones alone.
 */
export async function openingKey(
  key: Key,
  setting: OpeningSetting,
  envelope: Envelope,
  scope: Scope,
): Promise<OpeningKey> {
  return key.state.cache.find(envelope) ?? (await load(key, setting, envelope, scope));
}

async function load(key: Key, setting: OpeningSetting, envelope: Envelope, scope: Scope): Promise<OpeningKey> {
  const judgement = judge(key, envelope, setting.realms);
  await scope.beforeProvider();
  const { cache, loads } = key.state;
  const cached = cache.find(envelope);
  if (cached) return cached;
  const loadedAtMs = performance.now();
  const own = detach(envelope);
  const begin = () => loadFrom(key, setting, own, judgement);
  const keep = (opening: OpeningKey) => cache.keep(own.branchHeader, opening, loadedAtMs);
  // Without a cache, every unwrap is to be seen by the backend: none rides on another's call.
  const loading = cache.enabled ? loads.share(envelope.branchHeader, begin, keep) : loads.alone(begin);
  return await within(loading, scope);
}

async function loadFrom(
  key: Key,
  { realms, observer }: OpeningSetting,
  branch: Branch,
  judgement: Judgement,
): Promise<OpeningKey> {
  const { name } = key.configuration;
  try {
    const opened = await openBranch(key, branch, judgement);
    observer.load(name, "done");
    return { ...opened, rewrapDue: opened.rewrapDue || isOutdated(key, branch, realms) };
  } catch (error) {
    observer.load(name, asProviderFailure(error, "unknown").reason);
    throw error;
  }
}

function unseal(opening: OpeningKey, envelope: Envelope, contextHash: Uint8Array): Unsealed {
  const dataKey = openFor(envelope, opening.sealKey, contextHash);
  return { dataKey, version: opening.version, rewrapDue: opening.rewrapDue };
}

/** A copy: the load may outlive the request whose bytes the envelope views. */
function detach(envelope: Envelope): Branch & { readonly branchHeader: Uint8Array } {
  const { suite, threshold, realm, key } = envelope;
  const branchHeader = copy(envelope.branchHeader);
  const h0 = branchHeader.subarray(0, envelope.h0.length);
  const commitment = branchHeader.subarray(h0.length);
  const recipients = envelope.recipients.map((recipient) => ({ ...recipient, wrapped: copy(recipient.wrapped) }));
  return { suite, threshold, realm, key, branchId: copy(envelope.branchId), recipients, h0, commitment, branchHeader };
}
