// Bounds one step of an examination: what hangs is told, and does not hold the rest up.

import { BrokerError } from "../errors/index.ts";

/**
 * Does `work` within a time, and rejects with PROVIDER_TIMEOUT at its end even where `work` heeds no signal. What comes
 * too late goes to `discard`.
 */
export async function inTime<T>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  discard: (late: T) => void = () => {},
): Promise<T> {
  const controller = new AbortController();
  const { promise: end, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new BrokerError("PROVIDER_TIMEOUT", `there was no answer within ${timeoutMs / 1000} s`);
    controller.abort(error);
    reject(error);
  }, timeoutMs);
  const working = work(controller.signal);
  try {
    return await Promise.race([working, end]);
  } finally {
    clearTimeout(timer);
    if (controller.signal.aborted) working.then(discard, () => {});
  }
}
