// Keeps a token alive between calls: renews it, replaces it in time, and raises the alarm when nobody did.

import type { Notify } from "../../src/provider/index.ts";
import { renewalAtMs, shareAtMs } from "./life.ts";
import type { Life } from "./life.ts";

/** What upkeep does, as the session can. */
export interface Duties {
  /** Renews the token, and answers its life since. */
  readonly renew: () => Promise<Life>;
  /** Takes a new token in its place, which is then followed, if one can be had. */
  readonly replace: () => Promise<unknown>;
  /** What a person does so that a new token can be had. */
  readonly remedy: string;
  readonly notify: Notify;
}

/** Follows one token at a time. */
export interface Upkeep {
  /** Looks after this token instead of the one before. */
  follow(life: Life): void;
  stop(): void;
}

/** setTimeout takes 31 bits of milliseconds, and makes 1 ms of more: 25 days. */
const longestTimerMs = 2 ** 31 - 1;

const shares = [0.8, 0.5] as const;
const shortestPauseMs = 1_000;
const longestPauseMs = 300_000;

/** A followed token. */
interface Followed {
  life: Life;
  /** Of the absolute life, as told. */
  told: number;
  /** Not before this time, after a failure. */
  renewFromMs: number;
  replaceFromMs: number;
}

/** Starts with no token to follow. Its timers keep no process alive. */
export function createUpkeep({ renew, replace, remedy, notify }: Duties): Upkeep {
  let followed: Followed | undefined;
  let timer: NodeJS.Timeout | undefined;

  function schedule(): void {
    clearTimeout(timer);
    const dueAtMs = followed && nextAtMs(followed);
    if (dueAtMs === undefined) return;
    const delayMs = Math.min(Math.max(dueAtMs - performance.now(), 0), longestTimerMs);
    timer = setTimeout(() => void wake(), Math.ceil(delayMs));
    timer.unref();
  }

  async function wake(): Promise<void> {
    const token = followed;
    if (!token) return;
    if (isDue(renewAtMs(token))) await tryRenewal(token);
    if (followed === token && isDue(replaceAtMs(token))) await tryReplacement(token);
    if (followed === token) raiseAlarm(token);
    if (followed === token) schedule();
  }

  async function tryRenewal(token: Followed): Promise<void> {
    try {
      token.life = await renew();
    } catch (error) {
      token.renewFromMs = performance.now() + pauseMsOf(token.life);
      const message = `the token could not be renewed: ${(error as Error).message}`;
      if (followed === token) notify({ topic: "credential-renewal", level: "warning", message });
    }
  }

  async function tryReplacement(token: Followed): Promise<void> {
    token.replaceFromMs = performance.now() + pauseMsOf(token.life);
    // What went wrong was told by the login itself; the alarms below tell of the time that is left.
    await replace().catch(() => undefined);
  }

  function raiseAlarm(token: Followed): void {
    const passed = shares.find((share) => isDue(shareAtMs(token.life, share)));
    if (passed === undefined || passed <= token.told) return;
    token.told = passed;
    const left = wordsFor((token.life.endsAtMs ?? 0) - performance.now());
    const message = `${passed * 100} % of the token's absolute life has passed: it ends ${left}, and no renewal moves that: ${remedy}`;
    notify({ topic: "credential-life", level: passed === 0.8 ? "error" : "warning", message });
  }

  return {
    follow(life) {
      followed = { life, told: 0, renewFromMs: 0, replaceFromMs: 0 };
      schedule();
    },
    stop() {
      followed = undefined;
      clearTimeout(timer);
    },
  };
}

function nextAtMs(token: Followed): number | undefined {
  const alarms = shares.filter((share) => share > token.told).map((share) => shareAtMs(token.life, share));
  const times = [renewAtMs(token), replaceAtMs(token), ...alarms];
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function renewAtMs({ life, renewFromMs }: Followed): number | undefined {
  const dueAtMs = renewalAtMs(life);
  // Nothing renews a token that has ended.
  if (dueAtMs === undefined || (life.expiresAtMs ?? 0) < performance.now()) return undefined;
  return Math.max(dueAtMs, renewFromMs);
}

function replaceAtMs({ life, replaceFromMs }: Followed): number | undefined {
  const dueAtMs = shareAtMs(life, 0.5);
  return dueAtMs === undefined ? undefined : Math.max(dueAtMs, replaceFromMs);
}

/** A tenth of the time to live, within bounds. */
function pauseMsOf({ fullTtlMs }: Life): number {
  return Math.min(Math.max(fullTtlMs / 10, shortestPauseMs), longestPauseMs);
}

function isDue(timeMs: number | undefined): boolean {
  return timeMs !== undefined && timeMs <= performance.now();
}

function wordsFor(leftMs: number): string {
  if (leftMs <= 0) return "now";
  const minutes = Math.ceil(leftMs / 60_000);
  if (minutes < 120) return `in ${minutes} min`;
  return minutes < 2_880 ? `in ${Math.round(minutes / 60)} h` : `in ${Math.round(minutes / 1_440)} days`;
}
