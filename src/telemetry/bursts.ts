// Bursts: an event that repeats is logged a few times, then once a while with the number of those in between.

const burst = 20;
const refillMs = 5_000;
const maxEvents = 200;

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
