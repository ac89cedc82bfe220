// One 32-byte master key in memory: env scheme 1 of docs/envelope.md.

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { BrokerError } from "../../src/errors/index.ts";
import type { Binding, MasterKey, Unwrapped, Wrapped } from "../../src/provider/index.ts";
import { allocate, fillRandom, wipe } from "../../src/secret/index.ts";

/** Salt ‖ AES-256-GCM under a key derived for this one wrap. */
export const scheme = 1;

const cipher = "aes-256-gcm";
const saltBytes = 32;
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const tag = { authTagLength: tagBytes };

/** A version of the provider's keys. */
export interface Version {
  readonly name: string;
  /** Throws PROVIDER_UNAVAILABLE once the provider is closed. */
  key(): KeyObject;
  /** Another version is the one that new branch keys are wrapped under. */
  readonly retired: boolean;
}

/** The master key of a version, with the others that may still unwrap. */
export function masterKeyOf(version: Version, unwrapOnly: readonly MasterKey[] = []): MasterKey {
  return Object.freeze({
    id: idOf(version.key()),
    unwrapOnly,
    wrap(material: Uint8Array, binding: Binding, signal: AbortSignal) {
      return answer(signal, (): Wrapped => {
        return { wrapped: wrap(version.key(), material, binding), scheme, version: version.name };
      });
    },
    unwrap(wrapped: Uint8Array, usedScheme: number, binding: Binding, signal: AbortSignal) {
      return answer(signal, (): Unwrapped => {
        if (usedScheme !== scheme || wrapped.length <= saltBytes + tagBytes) throw refused();
        const material = unwrap(version.key(), wrapped, binding);
        return { material, version: version.name, rewrapDue: version.retired };
      });
    },
    probe(signal: AbortSignal) {
      return answer(signal, () => void version.key());
    },
  });
}

/** Derived, so that it is the same wherever the key is, and says nothing of it. */
function idOf(key: KeyObject): string {
  return Buffer.from(hkdfSync("sha512", key, "", "keybroker env v1 id", 8)).toString("hex");
}

/** The work itself is synchronous; its failures are the promise's. */
function answer<T>(signal: AbortSignal, work: () => T): Promise<T> {
  return new Promise((resolve) => {
    signal.throwIfAborted();
    resolve(work());
  });
}

function wrap(key: KeyObject, material: Uint8Array, binding: Binding): Buffer {
  const wrapped = allocate(saltBytes + material.length + tagBytes);
  fillRandom(wrapped, 0, saltBytes);
  const once = derive(key, wrapped.subarray(0, saltBytes));
  const sealing = createCipheriv(cipher, once.subarray(0, keyBytes), once.subarray(keyBytes), tag);
  wipe(once);
  sealing.setAAD(binding.bytes);
  wrapped.set(sealing.update(material), saltBytes);
  sealing.final();
  wrapped.set(sealing.getAuthTag(), saltBytes + material.length);
  return wrapped;
}

function unwrap(key: KeyObject, wrapped: Uint8Array, binding: Binding): Buffer {
  const once = derive(key, wrapped.subarray(0, saltBytes));
  const opening = createDecipheriv(cipher, once.subarray(0, keyBytes), once.subarray(keyBytes), tag);
  wipe(once);
  opening.setAAD(binding.bytes);
  opening.setAuthTag(wrapped.subarray(-tagBytes));
  const material = opening.update(wrapped.subarray(saltBytes, -tagBytes));
  try {
    opening.final();
  } catch {
    wipe(material);
    throw refused();
  }
  return material;
}

/** Key and nonce for one wrap: with a fresh key each time there is no bound on how often the master key wraps. */
function derive(key: KeyObject, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha512", key, salt, "keybroker env v1 wrap", keyBytes + nonceBytes));
}

function refused(): BrokerError {
  return new BrokerError("ENVELOPE_REFUSED", "this master key did not make this blob for this binding");
}
