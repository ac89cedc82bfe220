// The four calls that do the work, in this thread or in libuv's: a slow token is better asked several times at once.

import type { Cryptoki, Handle, Mechanism, Template } from "./cryptoki.ts";

type Answer<T> = T | Promise<T>;

/** Calls that wrap and unwrap. Buffers given stay the caller's and must live until the answer. */
export interface Calls {
  encrypt(session: Handle, data: Buffer, room: Buffer): Answer<Buffer>;
  decrypt(session: Handle, data: Buffer, room: Buffer): Answer<Buffer>;
  wrapKey(session: Handle, mechanism: Mechanism, wrapping: Handle, key: Handle, room: Buffer): Answer<Buffer>;
  unwrapKey(session: Handle, mechanism: Mechanism, key: Handle, blob: Buffer, template: Template): Answer<Handle>;
}

/** A call that takes longer than this, in milliseconds, is worth a thread: libuv's costs 0.05 ms. */
export const slowMs = 0.5;

/** In this thread: three times as many a second of a token in software. */
export function callsHere(cryptoki: Cryptoki): Calls {
  return {
    encrypt: (session, data, room) => cryptoki.C_Encrypt(session, data, room),
    decrypt: (session, data, room) => cryptoki.C_Decrypt(session, data, room),
    wrapKey: (session, mechanism, wrapping, key, room) => cryptoki.C_WrapKey(session, mechanism, wrapping, key, room),
    unwrapKey: (session, mechanism, key, blob, template) =>
      cryptoki.C_UnwrapKey(session, mechanism, key, blob, template),
  };
}

/** In libuv's threads: as many at once as there are sessions and threads. */
export function callsInThreads(cryptoki: Cryptoki): Calls {
  return {
    encrypt: (session, data, room) => cryptoki.C_EncryptAsync(session, data, room),
    decrypt: (session, data, room) => cryptoki.C_DecryptAsync(session, data, room),
    wrapKey: (session, mechanism, wrapping, key, room) =>
      cryptoki.C_WrapKeyAsync(session, mechanism, wrapping, key, room),
    unwrapKey: (session, mechanism, key, blob, template) =>
      cryptoki.C_UnwrapKeyAsync(session, mechanism, key, blob, template),
  };
}
