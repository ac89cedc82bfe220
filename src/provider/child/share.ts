// One call for all who wait for the same: it is aborted when the last of them has gone.

/** Runs `work` once for a name, for all who ask while it runs. A failure is not remembered. */
export interface Shared<T> {
  (name: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Makes one. */
export function createShared<T>(): Shared<T> {
  const running = new Map<string, Run<T>>();

  function begin(name: string, work: (signal: AbortSignal) => Promise<T>): Run<T> {
    const end = new AbortController();
    const run = { promise: work(end.signal), waiters: 0, end };
    running.set(name, run);
    return run;
  }

  return async (name, signal, work) => {
    signal.throwIfAborted();
    const run = running.get(name) ?? begin(name, work);
    run.waiters++;
    try {
      return await abortable(run.promise, signal);
    } finally {
      // Whoever is first to leave with an outcome, or last to leave without one, leaves nothing for later ones.
      if (--run.waiters === 0 || !signal.aborted) forget(name, run);
      if (run.waiters === 0) run.end.abort(signal.reason);
    }
  };

  function forget(name: string, run: Run<T>): void {
    if (running.get(name) === run) running.delete(name);
  }
}

interface Run<T> {
  readonly promise: Promise<T>;
  waiters: number;
  readonly end: AbortController;
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
