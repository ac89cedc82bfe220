// The proof that counts: random bytes wrapped by a master key, and unwrapped again.

import { timingSafeEqual } from "node:crypto";
import { BrokerError } from "../errors/index.ts";
import { bindingOf } from "../provider/index.ts";
import type { Binding, MasterKey, Unwrapped } from "../provider/index.ts";
import { copy, randomBytes, wipe } from "../secret/index.ts";
import { inTime } from "./in-time.ts";

const materialBytes = 64;

/** What a round trip told. */
export interface RoundTrip {
  readonly version: string;
  readonly wrappedBytes: number;
  readonly wrapMs: number;
  /** Undefined when it was not asked for. */
  readonly unwrapMs: number | undefined;
}

/** Whose round trip. */
export interface Trip {
  readonly masterKey: MasterKey;
  readonly realm: string;
  /** A key that the master key is for: it stands in the binding, and so in the backend's logs. */
  readonly key: string;
  /** Unwraps too: not on hosts that may only encrypt. */
  readonly unwraps: boolean;
  readonly timeoutMs: number;
}

/**
 * Wraps what the broker would wrap, under a binding of a branch key that nobody has. Throws what the provider throws,
 * PROVIDER_TIMEOUT, and ENVELOPE_REFUSED when other bytes come back.
 */
export async function roundTrip(trip: Trip): Promise<RoundTrip> {
  const { masterKey, timeoutMs, unwraps } = trip;
  const binding = bindingFor(trip);
  const material = randomBytes(materialBytes);
  try {
    const startedMs = performance.now();
    const { wrapped, scheme, version } = await inTime(timeoutMs, (signal) =>
      wrapCopy(masterKey, material, binding, signal),
    );
    const wrapMs = performance.now() - startedMs;
    const told = { version, wrappedBytes: wrapped.length, wrapMs };
    if (!unwraps) return { ...told, unwrapMs: undefined };
    const unwrap = (signal: AbortSignal) => masterKey.unwrap(wrapped, scheme, binding, signal);
    const unwrapped = await inTime(timeoutMs, unwrap, discard);
    compare(unwrapped, material);
    return { ...told, unwrapMs: performance.now() - startedMs - wrapMs };
  } finally {
    wipe(material);
  }
}

/** A copy of its own: after a time-out the provider may still read it, and it is wiped when that has ended. */
async function wrapCopy(masterKey: MasterKey, material: Buffer, binding: Binding, signal: AbortSignal) {
  const own = copy(material);
  try {
    return await masterKey.wrap(own, binding, signal);
  } finally {
    wipe(own);
  }
}

function compare(unwrapped: Unwrapped, material: Buffer): void {
  const { material: answer } = unwrapped;
  const same = answer.length === material.length && timingSafeEqual(answer, material);
  wipe(answer);
  if (!same) throw new BrokerError("ENVELOPE_REFUSED", "other bytes came back than were wrapped");
}

function discard({ material }: Unwrapped): void {
  wipe(material);
}

function bindingFor({ realm, key }: Trip): Binding {
  return bindingOf({ suite: 1, realm, key, branchId: randomBytes(16), share: 1, threshold: 1, recipients: 1 });
}
