// Bursts: an event that repeats is logged a few times, then once a while with the number of those in between.

const burst = 20;
const refillMs = 5_000;
const maxEvents = 200;

/** A burst is over when nothing came for so long. */
const quietMs = 10_000;
/** One that lasts is spoken of this often. */
const againMs = 60_000;

interface Bucket {
  tokens: number;
  atMs: number;
  suppressed: number;
}

export interface Bursts {
  /** How many of this event were dropped since the last that passed; undefined when this one is to be dropped too. */
  admit(event: string): number | undefined;
}

/** Counts by event, `burst` at once and one every `refillMs`. Events are our own words, so there are few. */
export function createBursts(nowMs: () => number): Bursts {
  const buckets = new Map<string, Bucket>();
  return {
    admit(event) {
      const atMs = nowMs();
      let bucket = buckets.get(event);
      if (bucket === undefined) {
        if (buckets.size >= maxEvents) buckets.clear();
        buckets.set(event, (bucket = { tokens: burst, atMs, suppressed: 0 }));
      }
      bucket.tokens = Math.min(burst, bucket.tokens + (atMs - bucket.atMs) / refillMs);
      bucket.atMs = atMs;
      if (bucket.tokens < 1) return void bucket.suppressed++;
      bucket.tokens--;
      const { suppressed } = bucket;
      bucket.suppressed = 0;
      return suppressed;
    },
  };
}

interface Burst {
  lastMs: number;
  saidMs: number;
  unsaid: number;
}

/**
 * Like `createBursts`, for what others can cause at will: a burst is told of when it begins, and once a minute while it
 * lasts. What else came is counted in the next that passes.
 */
export function oncePerBurst(nowMs: () => number): Bursts {
  const bursts = new Map<string, Burst>();
  return {
    admit(event) {
      const atMs = nowMs();
      let burst = bursts.get(event);
      if (burst === undefined) {
        if (bursts.size >= maxEvents) bursts.clear();
        bursts.set(event, (burst = { lastMs: -Infinity, saidMs: -Infinity, unsaid: 0 }));
      }
      const goesOn = atMs - burst.lastMs < quietMs && atMs - burst.saidMs < againMs;
      burst.lastMs = atMs;
      if (goesOn) return void burst.unsaid++;
      const { unsaid } = burst;
      Object.assign(burst, { saidMs: atMs, unsaid: 0 });
      return unsaid;
    },
  };
}
