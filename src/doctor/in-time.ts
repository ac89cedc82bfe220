// Bounds one step of an examination: what hangs is told, and does not hold the rest up.

import { BrokerError } from "../errors/index.ts";

/** What was given up may end this much longer: the next step is not to meet its clearing up. */
const endingMs = 250;

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
  const timer = timeLimit(timeoutMs);
  const working = work(controller.signal);
  try {
    return await Promise.race([working, timer.over]);
  } catch (error) {
    if (!timer.isOver()) throw error;
    controller.abort(error);
    const ended = working.then(discard, () => {});
    const ending = timeLimit(endingMs);
    await Promise.race([ended, ending.over]).catch(() => {});
    ending.clear();
    throw error;
  } finally {
    timer.clear();
  }
}

function timeLimit(limitMs: number) {
  const { promise: over, reject } = Promise.withResolvers<never>();
  // Whoever races it hears of it; nobody else needs to.
  over.catch(() => {});
  let isOver = false;
  const end = (): void => {
    isOver = true;
    reject(new BrokerError("PROVIDER_TIMEOUT", `there was no answer within ${limitMs / 1000} s`));
  };
  const timer = setTimeout(end, limitMs);
  return { over, isOver: () => isOver, clear: () => clearTimeout(timer) };
}
