// Stop lists: which of two counts, and what they are as JSON.

import type { Stop, StopChange, StopList } from "./store.ts";

/** Nothing was ever stopped. */
export const noStops: StopList = Object.freeze({ epoch: 0, all: undefined, keys: new Map<string, Stop>() });

/** The list with a change, an epoch later. */
export function changed(list: StopList, { key, stop }: StopChange): StopList {
  const epoch = list.epoch + 1;
  if (key === undefined) return { epoch, all: stop, keys: list.keys };
  const keys = new Map(list.keys);
  if (stop === undefined) keys.delete(key);
  else keys.set(key, stop);
  return { epoch, all: list.all, keys };
}

/**
 * The list that counts of two. Two that differ under one epoch were changed apart from each other, with the store away:
 * what either stops is stopped, an epoch later.
 */
export function newer(one: StopList, other: StopList): StopList {
  if (one.epoch !== other.epoch) return one.epoch > other.epoch ? one : other;
  if (stopsText(one) === stopsText(other)) return one;
  return { epoch: one.epoch + 1, all: one.all ?? other.all, keys: new Map([...other.keys, ...one.keys]) };
}

/** One text for equal lists. */
export function stopsText({ epoch, all, keys }: StopList): string {
  const sorted = [...keys].sort(([one], [other]) => (one < other ? -1 : 1));
  const plain = ({ reason, by, atMs }: Stop) => ({ reason, by, atMs });
  const named = sorted.map(([key, stop]) => ({ key, ...plain(stop) }));
  return JSON.stringify({ epoch, ...(all && { all: plain(all) }), keys: named });
}

/** Reads it again; undefined for what is no such text. */
export function parseStops(text: string): StopList | undefined {
  try {
    const { epoch, all, keys } = JSON.parse(text) as { epoch: unknown; all?: unknown; keys: unknown };
    if (!Number.isSafeInteger(epoch) || (epoch as number) < 0 || !Array.isArray(keys)) return undefined;
    if (!(keys as unknown[]).every((entry) => isStop(entry) && typeof (entry as { key?: unknown }).key === "string"))
      return undefined;
    if (all !== undefined && !isStop(all)) return undefined;
    const named = (keys as (Stop & { key: string })[]).map(({ key, ...stop }) => [key, stop] as const);
    return { epoch: epoch as number, all, keys: new Map(named) };
  } catch {
    return undefined;
  }
}

function isStop(value: unknown): value is Stop {
  const { reason, by, atMs } = (value ?? {}) as Record<string, unknown>;
  return typeof reason === "string" && typeof by === "string" && Number.isSafeInteger(atMs);
}
