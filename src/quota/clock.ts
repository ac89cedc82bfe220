// The clock of windows: it follows the wall clock forward, and never goes back.

/** Milliseconds since 1970, or more. */
export interface WindowClock {
  now(): number;
  /** Somebody's clock was further: this one goes on from there. */
  raise(toMs: number): void;
}

/** `wallMs` may be set back at any time, and time goes on by `steadyMs` then: no window comes twice. */
export function createWindowClock(
  wallMs: () => number = Date.now,
  steadyMs: () => number = () => performance.now(),
): WindowClock {
  let aheadMs = -Infinity;
  return {
    now() {
      const steady = steadyMs();
      aheadMs = Math.max(aheadMs, wallMs() - steady);
      return aheadMs + steady;
    },
    raise(toMs) {
      aheadMs = Math.max(aheadMs, toMs - steadyMs());
    },
  };
}
