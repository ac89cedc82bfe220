// A key in words, for people who look for one.

import type { KeyFacts } from "./keys.ts";

/** What it is and what it may do: `id 0a, AES of 256 bits, may wrap and unwrap, cannot leave the token`. */
export function describeKey(key: KeyFacts): string {
  const uses = [
    key.wraps ? ["wrap"] : [],
    key.unwraps ? ["unwrap"] : [],
    key.encrypts ? ["encrypt"] : [],
    key.decrypts ? ["decrypt"] : [],
  ].flat();
  const kind = key.type === "other" ? "of another type" : key.type.toUpperCase();
  return [
    key.id === "" ? "no id" : `id ${key.id}`,
    key.bits === undefined ? kind : `${kind} of ${key.bits} bits`,
    uses.length === 0 ? "may do nothing" : `may ${uses.join(", ")}`,
    key.extractable || !key.sensitive ? "can leave the token" : "cannot leave the token",
  ].join(", ");
}
