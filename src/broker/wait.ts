// Waits for shared work no longer than one caller does.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Scope } from "./broker.ts";

/**
 * The work's outcome, unless the caller's bounds end before: then PROVIDER_TIMEOUT, or the signal's own BrokerError.
 * The work goes on for whoever else waits.
 */
export function within<T>(work: Promise<T>, scope: Scope): Promise<T> {
  const signal = scope.signal();
  return new Promise((resolve, reject) => {
    const stop = () => reject(endOf(signal));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Why the caller's bounds ended. */
function endOf(signal: AbortSignal): BrokerError {
  if (isBrokerError(signal.reason)) return signal.reason;
  return new BrokerError("PROVIDER_TIMEOUT", "the call ended before the provider answered", { cause: signal.reason });
}
