// Asks one region after the other while the first is out.

import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import type { Region } from "./regions.ts";

/**
 * The answer of the first region that gives one. Only an outage of the first, or its silence for so long, lets the others
 * be asked: what it refuses, denies or has disabled is final. When they fail too, whatever their reason, the first one's
 * outage is told: a missing replica is no disabled key, and nothing is known of the blob.
 */
export async function firstThatAnswers<T>(
  regions: readonly [Region, ...Region[]],
  fallbackAfterMs: number,
  signal: AbortSignal,
  ask: (region: Region, limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const [first, ...others] = regions;
  if (others.length === 0) return await ask(first, signal);
  let outage: unknown;
  for (const [index, region] of regions.entries()) {
    const isLast = index === others.length;
    const silence = AbortSignal.timeout(fallbackAfterMs);
    const limit = isLast ? signal : AbortSignal.any([signal, silence]);
    try {
      return await ask(region, limit);
    } catch (error) {
      signal.throwIfAborted();
      outage ??= limit.aborted ? silent(region, fallbackAfterMs) : outageOf(error);
    }
  }
  throw outage;
}

function outageOf(error: unknown): unknown {
  if (isBrokerError(error) && error.reason === "PROVIDER_UNAVAILABLE") return error;
  throw error;
}

function silent({ name }: Region, afterMs: number): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", `AWS KMS in ${name} did not answer within ${afterMs} ms`);
}
