// What is known of one provider's master keys: found enabled, proven by a round trip, told disabled, worn out.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { MasterKey } from "../provider/index.ts";
import type { BrokerObserver, ProviderOperation } from "./observer.ts";

/** A master key as it was last found. */
export interface MasterKeyHealth {
  /** A probe found it there, enabled and to be relied on, and nothing said otherwise since. */
  readonly enabled: boolean;
  /** It unwrapped what it had wrapped, and nothing said otherwise since. */
  readonly proven: boolean;
  /** Why it is not enabled; undefined when it is, or was not asked yet. An outage is none: it says nothing of the key. */
  readonly fault: BrokerError | undefined;
}

interface Known {
  enabled: boolean;
  proven: boolean;
  fault: BrokerError | undefined;
  /** Wraps under `version` by this process. */
  wraps: number;
  version: string | undefined;
  /** Until when a refused unwrap purges nothing more, on performance.now()'s clock. */
  quietUntilMs: number;
  probing: { readonly found: Promise<void>; readonly beganAtMs: number } | undefined;
}

/** Hears that a master key was told disabled, or that we may not use it. */
export type DisabledListener = (masterKeyId: string) => void;

/**
 * A disabled old version refuses its blobs while the master key serves on: envelopes under it are not to purge
 * everything with every unwrap. Probes and wraps always do.
 */
const quietMs = 30_000;

/** Which share of its wrap limit a master key may use before it is spoken of. */
const warnAt = 0.8;

/** One provider's master keys by their ids; it survives a reload that keeps the provider. */
export class Health {
  readonly #provider: string;
  readonly #observer: BrokerObserver;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<DisabledListener>();

  constructor(provider: string, observer: BrokerObserver) {
    this.#provider = provider;
    this.#observer = observer;
  }

  of(masterKeyId: string): MasterKeyHealth {
    return this.#at(masterKeyId);
  }

  /** Calls back until the answered function is called. */
  onDisabled(listener: DisabledListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Runs a probe, or joins the one under way, and keeps what it found. One that began before and fails is repeated. */
  probe(masterKeyId: string, work: () => Promise<void>): Promise<void> {
    const known = this.#at(masterKeyId);
    const { probing } = known;
    if (!probing) return this.#begin(known, work);
    if (probing.beganAtMs === performance.now()) return probing.found;
    return probing.found.catch(() => known.probing?.found ?? this.#begin(known, work));
  }

  #begin(known: Known, work: () => Promise<void>): Promise<void> {
    const found = work()
      .then(() => {
        known.enabled = true;
        known.fault = undefined;
      })
      .finally(() => (known.probing = undefined));
    known.probing = { found, beganAtMs: performance.now() };
    return found;
  }

  proven(masterKeyId: string): void {
    this.#at(masterKeyId).proven = true;
  }

  /** Keeps what a failed call says of the master key: that it is disabled, or not to be relied on. */
  failed(masterKeyId: string, operation: ProviderOperation, failure: unknown): void {
    if (!isBrokerError(failure)) return;
    const known = this.#at(masterKeyId);
    const { reason } = failure;
    // An envelope that is refused is the envelope's fault; a probe or a wrap has none.
    const telling = reason === "KEY_DISABLED" || (operation !== "unwrap" && isFault(failure));
    if (!telling) return;
    known.enabled = false;
    known.proven = false;
    known.fault = failure;
    if (reason === "KEY_DISABLED") this.#tell(known, masterKeyId, operation);
  }

  #tell(known: Known, masterKeyId: string, operation: ProviderOperation): void {
    const nowMs = performance.now();
    if (operation === "unwrap" && nowMs < known.quietUntilMs) return;
    known.quietUntilMs = nowMs + quietMs;
    for (const listener of this.#listeners) listener(masterKeyId);
  }

  /** Throws KEY_DISABLED when this process has used up what the master key may wrap. */
  checkWraps({ id, wrapLimit }: MasterKey): void {
    const { wraps } = this.#at(id);
    if (wrapLimit === undefined || wraps < wrapLimit) return;
    const message = `a master key of provider ${this.#provider} has wrapped ${wrapLimit} times, which is its limit: rotate it`;
    throw new BrokerError("KEY_DISABLED", message);
  }

  /** Counts a wrap under a version. Other processes' wraps, and those before a restart, are not in the count. */
  wrapped({ id, wrapLimit }: MasterKey, version: string): void {
    const known = this.#at(id);
    known.wraps = known.version === version ? known.wraps + 1 : 1;
    known.version = version;
    if (wrapLimit === undefined || known.wraps !== Math.ceil(wrapLimit * warnAt)) return;
    this.#observer.wrapLimit(this.#provider, id, known.wraps, wrapLimit);
  }

  #at(masterKeyId: string): Known {
    let known = this.#known.get(masterKeyId);
    if (known === undefined) {
      const nothing = { fault: undefined, version: undefined, probing: undefined };
      known = { ...nothing, enabled: false, proven: false, wraps: 0, quietUntilMs: 0 };
      this.#known.set(masterKeyId, known);
    }
    return known;
  }
}

/** What passes by itself is no fault of the master key. */
function isFault({ reason }: BrokerError): boolean {
  return reason === "INTERNAL" || reason === "ENVELOPE_REFUSED";
}
