// One call for all who wait for the same: it is aborted when the last of them has gone.

/** Runs `work` once for a name, for all who ask while it runs. A failure is not remembered. */
export interface Shared<T> {
  (name: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Makes one. */
export function createShared<T>(): Shared<T> {
  const running = new Map<string, { promise: Promise<T>; waiters: number; readonly end: AbortController }>();
  return async (name, signal, work) => {
    signal.throwIfAborted();
    let run = running.get(name);
    if (!run) {
      const end = new AbortController();
      run = { promise: work(end.signal).finally(() => running.delete(name)), waiters: 0, end };
      run.promise.catch(() => undefined);
      running.set(name, run);
    }
    run.waiters++;
    try {
      return await abortable(run.promise, signal);
    } finally {
      if (--run.waiters === 0) run.end.abort(signal.reason);
    }
  };
}

/** The promise's answer, or the signal's reason at its abort. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason as Error);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
