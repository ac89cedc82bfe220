// How long a token lives: when it ends unless renewed, and when it ends for good.

/** A token's life on this process's monotonic clock, in milliseconds of `performance.now()`. */
export interface Life {
  readonly bornAtMs: number;
  /** When it was granted or renewed last. */
  readonly renewedAtMs: number;
  /** When it ends unless it is renewed; undefined for one that never ends. */
  readonly expiresAtMs: number | undefined;
  /** When it ends whatever we do; undefined as long as nothing says that it will. */
  readonly endsAtMs: number | undefined;
  readonly renewable: boolean;
  /** What a renewal grants unless a maximum cuts it short. */
  readonly fullTtlMs: number;
}

/** What a server says of a token, in seconds: of `auth/token/lookup-self`, or of a login's `auth` alone. */
export interface TokenFacts {
  readonly creation_time?: number;
  readonly creation_ttl?: number;
  readonly explicit_max_ttl?: number;
  readonly period?: number;
  readonly ttl?: number;
  readonly lease_duration?: number;
  readonly renewable?: boolean;
}

/**
 * The life of a token as the server tells it. `serverTimeMs` is the server's wall clock at that moment (its Date
 * header): the token's age is counted on the server's clock alone, so ours may be wrong.
 */
export function lifeOf(facts: TokenFacts, serverTimeMs: number | undefined, nowMs: number): Life {
  const bornAtMs = nowMs - ageMsOf(facts, serverTimeMs);
  const ttlMs = msOf(facts.ttl ?? facts.lease_duration);
  const expiresAtMs = ttlMs > 0 ? nowMs + ttlMs : undefined;
  const explicitMs = msOf(facts.explicit_max_ttl);
  const renewable = facts.renewable === true;
  const ends = [explicitMs > 0 ? bornAtMs + explicitMs : undefined, renewable ? undefined : expiresAtMs];
  const fullTtlMs = msOf(facts.period) || msOf(facts.creation_ttl) || ttlMs;
  return { bornAtMs, renewedAtMs: nowMs, expiresAtMs, endsAtMs: earliest(ends), renewable, fullTtlMs };
}

/** The life after a renewal: one that granted less than a whole time to live has met a maximum. */
export function renewedLife(life: Life, facts: TokenFacts, nowMs: number): Life {
  const ttlMs = msOf(facts.lease_duration);
  const expiresAtMs = nowMs + ttlMs;
  const renewable = facts.renewable === true;
  const cut = !renewable || ttlMs < 0.99 * life.fullTtlMs - 1_000;
  const endsAtMs = earliest([life.endsAtMs, cut ? expiresAtMs : undefined]);
  return { ...life, renewedAtMs: nowMs, expiresAtMs, endsAtMs, renewable };
}

/** When to renew: at two thirds of the time to live, and not at all where a renewal can add nothing. */
export function renewalAtMs({ renewable, expiresAtMs, endsAtMs, renewedAtMs }: Life): number | undefined {
  if (!renewable || expiresAtMs === undefined) return undefined;
  if (endsAtMs !== undefined && expiresAtMs >= endsAtMs) return undefined;
  return renewedAtMs + ((expiresAtMs - renewedAtMs) * 2) / 3;
}

/** When so much of the absolute life has passed; undefined where none is known. */
export function shareAtMs({ bornAtMs, endsAtMs }: Life, share: number): number | undefined {
  return endsAtMs === undefined ? undefined : bornAtMs + (endsAtMs - bornAtMs) * share;
}

function ageMsOf({ creation_time: createdAt }: TokenFacts, serverTimeMs: number | undefined): number {
  if (createdAt === undefined || serverTimeMs === undefined) return 0;
  return Math.max(0, serverTimeMs - msOf(createdAt));
}

function msOf(seconds: unknown): number {
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
