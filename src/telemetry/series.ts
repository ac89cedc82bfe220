// Plain numbers that the hot path counts in: bounded in number, turned into metrics when somebody asks.

/** Upper bounds in seconds: from an unwrap answered from memory to a provider's deadline. */
export const bucketBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10] as const;

/** How often, and how long in all and by bucket. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  count: number;
  seconds: number;
  /** Not cumulative; the last is what is over every bound. */
  readonly buckets: number[];
}

/** A family of series under one set of label names. */
export interface Family {
  /** The series of these label values, in the order of the names; past the bound, one that all others share. */
  of(...values: readonly string[]): Series;
  readonly series: () => Iterable<Series>;
}

/** Makes a family of at most `maxSeries`, so that nobody's words can make the memory or the scrape grow. */
export function createFamily(names: readonly string[], maxSeries: number): Family {
  const known = new Map<string, Series>();
  const rest = () => at(names.map(() => "other"));
  const at = (values: readonly string[]): Series => {
    const id = values.join("\n");
    const found = known.get(id);
    if (found !== undefined) return found;
    const series = seriesOf(names, values);
    known.set(id, series);
    return series;
  };
  return {
    of: (...values) => (known.size < maxSeries || known.has(values.join("\n")) ? at(values) : rest()),
    series: () => known.values(),
  };
}

/** Counts one occurrence. */
export function count(series: Series, seconds: number): void {
  series.count++;
  series.seconds += seconds;
  let bucket = 0;
  while (bucket < bucketBounds.length && seconds > bucketBounds[bucket]!) bucket++;
  series.buckets[bucket]!++;
}

function seriesOf(names: readonly string[], values: readonly string[]): Series {
  const labels = Object.fromEntries(names.map((name, index) => [name, values[index]!]));
  return { labels, count: 0, seconds: 0, buckets: Array<number>(bucketBounds.length + 1).fill(0) };
}
