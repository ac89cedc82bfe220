// The interface between the broker and a backend of master keys: all that a provider implements.

import type { ZodType } from "zod";
import type { Binding } from "./binding.ts";

/** What a master key answers when it wrapped. */
export interface Wrapped {
  /** The blob: 1 to 2,048 bytes. */
  readonly wrapped: Uint8Array;
  /** How it was wrapped: a number of the kind's registry in docs/envelope.md, never reused. */
  readonly scheme: number;
  /** The master key's version in the backend's words, at most 255 bytes of UTF-8; informational. */
  readonly version: string;
}

/** What a master key answers when it unwrapped. */
export interface Unwrapped {
  /** The material, in a buffer of its own (never a slice of Buffer's pool). The broker owns and wipes it. */
  readonly material: Buffer;
  readonly version: string;
  /** The backend would wrap with a newer version today. */
  readonly rewrapDue: boolean;
}

/**
 * One master key. The broker alone calls it, through one guard: deadline, concurrency, retries, circuit breaker,
 * metrics and refusal after close are not a provider's to repeat. Every method may throw a BrokerError:
 * `ENVELOPE_REFUSED` (this blob, scheme or binding is not right for this master key), `KEY_DISABLED` (disabled, or
 * our permission was taken away), `PROVIDER_UNAVAILABLE` (all that may pass: unreachable, throttled, sealed; with
 * `retryAfterMs` if the backend names a delay). Anything else thrown is INTERNAL and counted. No message or cause
 * holds a secret.
 */
export interface MasterKey {
  /** Immutable, 1 to 65,535 bytes of UTF-8: an ARN, a resource name, a fingerprint. It stands in every envelope. */
  readonly id: string;
  /** Other master keys that the same reference names, for unwrapping alone (env: the versions not primary). */
  readonly unwrapOnly?: readonly MasterKey[];
  /** How many times this master key may wrap, where its mechanism has a bound (2^32 for GCM with random IVs). */
  readonly wrapLimit?: number;
  /** Wraps 64 bytes. The broker owns `material` and wipes it once the promise has settled: keep no reference. */
  wrap(material: Uint8Array, binding: Binding, signal: AbortSignal): Promise<Wrapped>;
  /** Unwraps what `wrap` of the same id, scheme and binding made. */
  unwrap(wrapped: Uint8Array, scheme: number, binding: Binding, signal: AbortSignal): Promise<Unwrapped>;
  /**
   * Reads, and only reads, whether the master key is there, enabled and ours to use, and that the backend honours what
   * this provider relies on. Throws as above when not.
   */
  probe(signal: AbortSignal): Promise<void>;
  /** What protects it and what to know of it, for `keys list`; undefined until the backend told it. */
  readonly protection?: Protection | undefined;
  /** Lists its versions, the newest last. */
  versions?(signal: AbortSignal): Promise<readonly MasterKeyVersion[]>;
  /** Makes a new version that new wraps use, and answers its name. Older ones still unwrap. */
  rotate?(signal: AbortSignal): Promise<string>;
  /** Changes what a version may do. Throws REQUEST_INVALID where the backend knows no such state or version. */
  setVersionState?(version: string, state: VersionState, signal: AbortSignal): Promise<void>;
}

/** What a person should know of a master key. */
export interface Protection {
  /** Where it lives, in the backend's word: `software`, `hsm`, `external` … */
  readonly level: string;
  /** Whether a blob proves who wrapped it: RSA-OAEP does not, anybody with the public key can make one. */
  readonly authenticated: boolean;
}

/** What a version of a master key may do: new wraps use the primary one; a disabled one does not unwrap. */
export type VersionState = "primary" | "enabled" | "disabled";

/** A version of a master key, in the backend's words. */
export interface MasterKeyVersion {
  readonly version: string;
  readonly state: VersionState;
  readonly createdAt?: Date | undefined;
}

/** One thing that `keybroker doctor` looked at. No field holds a secret. */
export interface Finding {
  /** What was looked at, in few words: `credentials`, `clock`, `permission to decrypt`, `token 0a1b`. */
  readonly check: string;
  /** `note` tells without judging: a module, a token, a mechanism. */
  readonly outcome: "good" | "bad" | "note";
  /** What was found, a sentence. */
  readonly detail: string;
  /** With `bad`: what to do about it, as a command or a sentence. */
  readonly fix?: string | undefined;
}

/** What a provider wants people to know before calls fail. No field holds a secret. */
export interface Notice {
  /** What it is about, of few fixed words: it is a metric's label. `credential-life`, `credential-renewal`, `backend`. */
  readonly topic: string;
  /** `error`: calls will fail, or fail already, until somebody acts; `warning`: there is time. */
  readonly level: "warning" | "error";
  /** What was found and what to do, a sentence or two. */
  readonly message: string;
}

/** Takes a notice: the daemon logs and counts it. It neither throws nor waits. */
export type Notify = (notice: Notice) => void;

/** An opened provider. */
export interface Provider {
  /**
   * The master key that a key's configuration refers to. May ask the backend (an alias is resolved to its key);
   * throws PROVIDER_UNAVAILABLE when the backend is down, and is then asked again. Two calls with equal references answer
   * master keys with equal ids, or the latter names a new master key.
   */
  masterKey(reference: unknown, signal: AbortSignal): Promise<MasterKey>;
  /**
   * Looks at all that calls with these references will need, for `keybroker doctor`: reachability, credentials, clock,
   * each permission, without changing anything; the round trip is the caller's. A failure is a finding, not an error.
   */
  examine?(references: readonly unknown[], signal: AbortSignal): AsyncIterable<Finding>;
  /** Ends connections and child processes and wipes what is held. May be called twice. */
  close(): Promise<void>;
}

/** A kind of provider: what a provider folder's or module's default export is. */
export interface ProviderKind {
  /** The word in the configuration and in docs/envelope.md. */
  readonly kind: string;
  /** Its number in envelopes (docs/envelope.md): 1–127 first-party, 128–255 others; never reused. */
  readonly number: number;
  /** The schemes it unwraps. */
  readonly schemes: readonly number[];
  /** What stands beside `kind` in the configuration; secrets through `secret()`, other text through `text()`. */
  readonly settings: ZodType;
  /** What stands beside `provider` in a key's recipient, as an object. */
  readonly reference: ZodType;
  /**
   * Loads the backend's library. It does no I/O and never fails because a backend is down. What the provider finds out
   * between calls, such as a credential near its end, it tells `notify`.
   */
  open(settings: never, notify?: Notify): Promise<Provider>;
}
