// How failures of providers weigh: what is an outage, and which of several the caller is told.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Reason } from "../errors/index.ts";

/** Reasons that a provider may give; anything else it throws is INTERNAL. From light to heavy. */
const weights: Partial<Record<Reason, number>> = {
  ENVELOPE_REFUSED: 1,
  INTERNAL: 2,
  KEY_DISABLED: 3,
  OVERLOADED: 4,
  PROVIDER_TIMEOUT: 5,
  PROVIDER_UNAVAILABLE: 6,
};

/** Whether the backend could not be asked, so that nothing is known and the same call may succeed later. */
export function isOutage(error: unknown): error is BrokerError {
  return isBrokerError(error) && (error.reason === "PROVIDER_UNAVAILABLE" || error.reason === "PROVIDER_TIMEOUT");
}

/** A failure as a BrokerError with a reason that a provider may give. */
export function asProviderFailure(error: unknown, provider: string): BrokerError {
  if (isBrokerError(error) && weights[error.reason] !== undefined) return error;
  return new BrokerError("INTERNAL", `provider ${provider} failed in an unexpected way: see the daemon's log`, {
    cause: error,
  });
}

/**
 * The failure to tell when every recipient failed: an outage before all, so that the caller tries again and is
 * never told of tampering while a backend is down.
 */
export function heaviest(failures: readonly BrokerError[]): BrokerError | undefined {
  const weight = (error: BrokerError) => weights[error.reason] ?? 2;
  return failures.toSorted((one, other) => weight(other) - weight(one))[0];
}
