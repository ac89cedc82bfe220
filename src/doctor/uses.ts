// What the configuration asks of a provider: each master key once, with the keys that it is for.

import { isDeepStrictEqual } from "node:util";
import type { Configuration, KeyConfiguration } from "../config/index.ts";

/** A master key that keys of the configuration refer to. */
export interface Use {
  readonly reference: unknown;
  readonly keys: readonly string[];
  /** Some key wraps to it. */
  readonly wraps: boolean;
  /** This host unwraps with it: false where every key that wraps to it says `verifyWrap: none`. */
  readonly unwraps: boolean;
}

/** The uses of a provider, in the configuration's order. */
export function usesOf({ keys }: Configuration, provider: string): readonly Use[] {
  const uses: Use[] = [];
  for (const key of keys.values()) {
    for (const use of usesBy(key, provider)) {
      const index = uses.findIndex(({ reference }) => isDeepStrictEqual(reference, use.reference));
      if (index === -1) uses.push(use);
      else uses[index] = both(uses[index]!, use);
    }
  }
  return uses;
}

function usesBy(key: KeyConfiguration, provider: string): Use[] {
  const of = (recipients: KeyConfiguration["wrapTo"]) => recipients.filter((one) => one.provider === provider);
  const keys = [key.name];
  return [
    ...of(key.wrapTo).map(({ reference }) => ({ reference, keys, wraps: true, unwraps: key.verifyWrap })),
    ...of(key.unwrapOnly).map(({ reference }) => ({ reference, keys, wraps: false, unwraps: true })),
  ];
}

function both(one: Use, other: Use): Use {
  const keys = [...new Set([...one.keys, ...other.keys])];
  return { ...one, keys, wraps: one.wraps || other.wraps, unwraps: one.unwraps || other.unwraps };
}

/** A reference as people know it: its texts by name; the name goes without saying where it is `key` alone. */
export function referenceText(reference: unknown): string {
  const pairs = Object.entries((reference ?? {}) as Record<string, unknown>).flatMap(([name, value]) =>
    typeof value === "object" && value !== null ? Object.entries(value) : [[name, value] as const],
  );
  const told = pairs.filter(([, value]) => typeof value === "string" || typeof value === "number");
  if (told.length === 0) return "its own master key";
  const [first, ...others] = told;
  return first![0] === "key" && others.length === 0
    ? String(first![1])
    : told.map(([name, value]) => `${name} ${String(value)}`).join(", ");
}
