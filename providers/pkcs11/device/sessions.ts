// A pool of sessions: one piece of work has one for itself, from the first call of an operation to its last.

import type { Handle } from "./cryptoki.ts";
import { meaningOf } from "./errors.ts";

/** What the pool opens and closes sessions with. */
export interface SessionSource {
  /** Throws what the library answers. */
  open(): Handle;
  close(session: Handle): void;
}

/** Sessions of one token. */
export interface Sessions {
  /**
   * Waits for a session and runs `work` with it. A session that any error came through is closed and not used again: it
   * may be in the middle of an operation.
   */
  use<T>(work: (session: Handle) => T | Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Resolves when no work is under way. */
  idle(): Promise<void>;
}

/** A pool of at most `max` sessions, each opened when it is needed. A token that has fewer to give is no error. */
export function createSessions(source: SessionSource, max: number): Sessions {
  const free: Handle[] = [];
  let taken = 0;
  const waiting = new Set<() => void>();
  const resting: (() => void)[] = [];

  const next = (): void => {
    const [first] = waiting;
    if (first) waiting.delete(first);
    first?.();
  };
  const openNow = (): Handle | undefined => {
    try {
      return source.open();
    } catch (error) {
      if (meaningOf(error) === "busy" && taken > 0) return undefined;
      next();
      throw error;
    }
  };
  const take = async (signal: AbortSignal | undefined): Promise<Handle> => {
    for (;;) {
      if (signal?.aborted) next();
      signal?.throwIfAborted();
      const session = taken < max ? (free.pop() ?? openNow()) : undefined;
      if (session) {
        taken++;
        return session;
      }
      await turn(waiting, signal);
    }
  };
  const give = (session: Handle | undefined): void => {
    taken--;
    if (session) free.push(session);
    next();
    if (taken === 0) for (const resolve of resting.splice(0)) resolve();
  };
  return {
    async use(work, signal) {
      const session = await take(signal);
      try {
        const answer = await work(session);
        give(session);
        return answer;
      } catch (error) {
        closeQuietly(source, session);
        give(undefined);
        throw error;
      }
    },
    idle: () => (taken === 0 ? Promise.resolve() : new Promise((resolve) => resting.push(resolve))),
  };
}

/** Waits until it is our turn; throws at the abort. */
function turn(waiting: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      waiting.delete(go);
      reject(signal!.reason as Error);
    };
    const go = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    signal?.addEventListener("abort", stop, { once: true });
    waiting.add(go);
  });
}

function closeQuietly(source: SessionSource, session: Handle): void {
  try {
    source.close(session);
  } catch {
    // It may have ended with the token.
  }
}
