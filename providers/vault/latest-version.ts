// The newest version of a transit key, as far as it can be had without holding up what it is asked for.

import type { TransitKey } from "./transit-key.ts";

/** To know whether a rewrap is due is worth this much waiting, and no more. */
const patienceMs = 250;
const readTimeoutMs = 5_000;
/** After a read that failed, nobody asks again for so long. */
const pauseMs = 10_000;

/**
 * Makes what asks for it: all who ask at one time share one read. Undefined when it is not known, and cannot be read or
 * not soon: unwrapping needs no permission to read the key.
 */
export function createLatestVersion(key: TransitKey): () => Promise<number | undefined> {
  let reading: Promise<number | undefined> | undefined;
  let fromMs = 0;

  async function read(): Promise<number | undefined> {
    try {
      return (await key.read(AbortSignal.timeout(readTimeoutMs))).latest;
    } catch {
      fromMs = performance.now() + pauseMs;
      return undefined;
    } finally {
      reading = undefined;
    }
  }

  return async () => {
    const recent = key.recent();
    if (recent || performance.now() < fromMs) return recent?.latest;
    reading ??= read();
    return await soon(reading);
  };
}

async function soon<T>(work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), patienceMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
