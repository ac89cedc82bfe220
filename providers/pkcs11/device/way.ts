// A way of wrapping: what its scheme's blob is made of, and by which calls this token makes and opens it.

import type { At } from "./connection.ts";
import type { KeyFacts } from "./keys.ts";
import { schemeNumbers, type SchemeName } from "./scheme-names.ts";

/** What a key is used for, and for nothing else: one key, one mechanism. */
export type Family = "key-wrap" | "gcm" | "rsa";

/** Bytes that a provider wraps. */
export const materialBytes = 64;

/** A way of wrapping. Its functions throw what the library answers, and NotThisWay. */
export interface Way {
  readonly name: SchemeName;
  readonly family: Family;
  /** The mechanism, by number and for messages. */
  readonly mechanism: number;
  readonly mechanismName: string;
  /** How often a key may wrap so; undefined when there is no bound. */
  readonly wrapLimit?: number;
  /**
   * On a token that takes it in another sense than meant this would harm the key (an IV used twice): it is tried with a
   * key that is thrown away first.
   */
  readonly risky?: boolean;
  /** Whether the blob proves who made it, and whether it is bound to associated data by the token. */
  readonly authenticated: boolean;
  readonly bindsData: boolean;
  /** Refuses a token whose mechanism is not what it is called. */
  check?(at: At): void;
  /** Wraps 64 bytes. The caller owns `material`. */
  wrap(at: At, key: KeyFacts, material: Uint8Array, data: Buffer): Promise<Buffer>;
  /** Unwraps; the answer is a buffer of its own of 64 bytes, the caller's to wipe. */
  unwrap(at: At, key: KeyFacts, blob: Uint8Array, data: Buffer): Promise<Buffer>;
  /** The way to open another scheme's blobs of the same family; undefined where it has none. */
  opening?(scheme: number): Way | undefined;
}

/** The token does something else than this way expects. */
export class NotThisWay extends Error {
  override readonly name = "NotThisWay";
}

/** The scheme's number in envelopes. */
export function schemeOf({ name }: Pick<Way, "name">): number {
  return schemeNumbers[name];
}

/** A view as a Buffer over the same memory: the addon takes nothing else. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
