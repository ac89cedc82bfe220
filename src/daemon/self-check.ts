// Proof, at start, that what is wrapped can be unwrapped: once for each key, through the broker.

import type { Broker, Scope } from "../broker/index.ts";
import type { KeyConfiguration } from "../config/index.ts";
import { contextHash, decode } from "../envelope/index.ts";
import { randomBytes, wipe } from "../secret/index.ts";

/** What was found about one key. */
export interface SelfCheck {
  readonly key: string;
  /** Undefined when all is well. */
  readonly error: unknown;
}

/** A key did not give back what it was given. */
export class SelfCheckError extends Error {
  override readonly name = "SelfCheckError";
}

/** Keys that are checked at once. */
const parallel = 8;

/** Wraps, unwraps and compares with each key. It never rejects. */
export async function selfCheck(
  broker: Broker,
  keys: Iterable<KeyConfiguration>,
  timeoutMs: number,
): Promise<SelfCheck[]> {
  const waiting = [...keys];
  const found: SelfCheck[] = [];
  const work = async () => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      const error = await checkKey(broker, key, timeoutMs).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      found.push({ key: key.name, error });
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return found;
}

/** A key whose wraps are not verified is on a host that may only encrypt: there is nothing to unwrap with. */
async function checkKey(broker: Broker, key: KeyConfiguration, timeoutMs: number): Promise<void> {
  const dataKey = randomBytes(32);
  const hash = contextHash({ purpose: "self-check" });
  try {
    const envelope = await broker.wrap(key, dataKey, hash, scope(timeoutMs));
    if (!key.verifyWrap) return;
    const opened = await broker.unwrap(key, decode(envelope), hash, scope(timeoutMs));
    const same = opened.dataKey.equals(dataKey);
    wipe(opened.dataKey);
    if (!same) throw new SelfCheckError(`key ${key.name} gave back another data key than it was given`);
  } finally {
    wipe(dataKey);
  }
}

function scope(timeoutMs: number): Scope {
  const deadlineMs = performance.now() + timeoutMs;
  return {
    deadlineMs,
    signal: () => AbortSignal.timeout(timeoutMs),
    beforeProvider: () => Promise.resolve(),
  };
}
