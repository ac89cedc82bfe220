// What one list of stops changes against another.

import type { Stop, StopList } from "../store/index.ts";
import type { StopsNotice } from "./stops.ts";

/** The keys that the next list stops and the one before did not; undefined stands for all. */
export function cameToBeStopped(before: StopList, next: StopList): (string | undefined)[] {
  if (next.all !== undefined && before.all === undefined) return [undefined];
  return without(next.keys, before.keys);
}

/** What the change is told as: each stop for itself, since each has its own reason. */
export function noticesOf(before: StopList, next: StopList): StopsNotice[] {
  const { epoch } = next;
  const stopped = (keys: readonly string[], { by, reason }: Stop) =>
    ({ event: "stopped", keys, epoch, by, reason }) as const;
  const resumed = without(before.keys, next.keys);
  return [
    ...(next.all !== undefined && before.all === undefined ? [stopped(["all"], next.all)] : []),
    ...without(next.keys, before.keys).map((key) => stopped([key], next.keys.get(key)!)),
    ...(before.all !== undefined && next.all === undefined
      ? [{ event: "resumed", keys: ["all"], epoch } as const]
      : []),
    ...(resumed.length === 0 ? [] : [{ event: "resumed", keys: resumed, epoch } as const]),
  ];
}

function without(keys: ReadonlyMap<string, Stop>, others: ReadonlyMap<string, Stop>): string[] {
  return [...keys.keys()].filter((key) => !others.has(key));
}
