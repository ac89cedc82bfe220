// What the broker offers to the operations: the only door to master keys.

import type { KeyConfiguration } from "../config/configuration.ts";
import type { Reason } from "../errors/index.ts";
import type { Envelope } from "../envelope/types.ts";
import type { MasterKeyVersion, Protection, VersionState } from "../provider/index.ts";

/** One call's bounds, and what must happen before its first word to a provider. */
export interface Scope {
  /** When the caller stops waiting, on performance.now()'s clock, in milliseconds; never Infinity. */
  readonly deadlineMs: number;
  /** Aborted when the caller goes away or the deadline passes; made at the first use. */
  signal(): AbortSignal;
  /** Awaited once before this call first reaches, or joins a call to, a provider: the audit's "attempt". */
  beforeProvider(): Promise<void>;
}

/** An opened envelope. */
export interface Unsealed {
  /** In a buffer of its own. The caller of `unwrap` owns and wipes it. */
  readonly dataKey: Buffer;
  /** The master key's version that opened the branch key. */
  readonly version: string;
  readonly rewrapDue: boolean;
}

/** What `check` found. An outage is thrown, not answered. */
export interface CheckAnswer {
  readonly matches: boolean;
  readonly trusted: boolean;
  readonly version: string;
  readonly reason: Reason | undefined;
  readonly rewrapDue: boolean;
  /** With deep, one for each recipient in the envelope's order; else empty. */
  readonly recipients: readonly RecipientAnswer[];
}

export interface RecipientAnswer {
  /** The provider's name; empty when the configuration has no such recipient. */
  readonly provider: string;
  readonly masterKeyId: string;
  readonly matches: boolean;
  readonly version: string;
  readonly reason: Reason | undefined;
}

/** A key's state, for `keys list`. */
export interface KeyStatus {
  readonly configuration: KeyConfiguration;
  readonly recipients: readonly {
    readonly provider: string;
    readonly kind: string;
    readonly masterKeyId: string | undefined;
    readonly unwrapOnly: boolean;
    readonly protection: Protection | undefined;
    /** How many times it may wrap, where its mechanism has a bound. */
    readonly wrapLimit?: number | undefined;
  }[];
  readonly branchKey:
    | {
        readonly createdAt: Date;
        readonly wraps: number;
        /** How many recipients it was wrapped for; fewer than wrapTo lists when some could not be reached. */
        readonly recipients: number;
      }
    | undefined;
}

/** One of a key's master keys, as an administrator names it. */
export interface MasterKeyAddress {
  readonly key: KeyConfiguration;
  readonly provider: string;
  readonly masterKeyId: string;
}

/** A provider's state, for `status` and readiness. */
export interface ProviderStatus {
  readonly name: string;
  readonly kind: string;
  /** The backend answered the last call or probe. */
  readonly reachable: boolean;
  /** Every master key that the configuration wraps to is enabled and was proven by a round trip; true where there is none. */
  readonly canWrap: boolean;
  /** Every master key that the configuration names here was found enabled by its last probe. */
  readonly canUnwrap: boolean;
  readonly lastCallAt: Date | undefined;
  readonly error: string | undefined;
}

/** An answer that is there at once when no provider is needed: a promise for every call would cost a third of the throughput. */
export type Soon<T> = T | Promise<T>;

/**
 * Wraps and unwraps under the keys of one configuration. Callers authorise first. Every method may throw
 * PROVIDER_UNAVAILABLE, PROVIDER_TIMEOUT, KEY_DISABLED, OVERLOADED and INTERNAL; opening ones ENVELOPE_REFUSED too.
 */
export interface Broker {
  /** A key by its present or a former name. */
  key(name: string): KeyConfiguration | undefined;
  /** Seals a data key under the key's branch key, making one where none is fit. The caller still owns `dataKey`. */
  wrap(key: KeyConfiguration, dataKey: Uint8Array, contextHash: Uint8Array, scope: Scope): Soon<Uint8Array>;
  /** Opens an envelope; synchronously when its branch key is cached. It throws, or rejects, alike. */
  unwrap(key: KeyConfiguration, envelope: Envelope, contextHash: Uint8Array, scope: Scope): Soon<Unsealed>;
  /** Seals an envelope's data key anew, carrying its context hash over. */
  rewrap(key: KeyConfiguration, envelope: Envelope, scope: Scope): Promise<Uint8Array>;
  check(
    key: KeyConfiguration,
    envelope: Envelope,
    contextHash: Uint8Array,
    deep: boolean,
    scope: Scope,
  ): Promise<CheckAnswer>;
  /** The configured provider's name and kind of each recipient of an envelope; empty name where there is none. */
  recipientsOf(
    key: KeyConfiguration,
    envelope: Envelope,
  ): readonly { readonly provider: string; readonly kind: string }[];
  /**
   * Forgets all branch keys of a key (or of all keys): loads under way are neither kept nor answered, and the next
   * wrap makes and proves a new one.
   */
  purge(key?: KeyConfiguration): void;
  keys(): readonly KeyStatus[];
  /** Throws REQUEST_INVALID, as the two below do, when the key has no such master key or its backend cannot do it. */
  versions(address: MasterKeyAddress, scope: Scope): Promise<readonly MasterKeyVersion[]>;
  /** Makes a new version, answers its name, and forgets the key's branch keys so that the next wrap uses it. */
  rotate(address: MasterKeyAddress, scope: Scope): Promise<string>;
  setVersionState(address: MasterKeyAddress, version: string, state: VersionState, scope: Scope): Promise<void>;
  /** Throws what a change would throw because there is no such master key or its backend cannot make it. Asks nobody. */
  checkAble(address: MasterKeyAddress, change: "rotate" | "setVersionState"): void;
  /**
   * Asks every provider for its master keys and probes each; what it finds shows in `providers()`. A master key told
   * disabled or denied loses its branch keys at once. Never rejects.
   */
  probe(): Promise<void>;
  providers(): readonly ProviderStatus[];
  /** Refuses new calls, aborts provider calls, closes providers that `keep` (the next broker) did not take over. */
  close(keep?: Broker): Promise<void>;
}
