// Contexts: pairs of strings, hashed in a form that no two contexts share.

import { contextHash, contextPreimage } from "../../../src/envelope/context.ts";
import { isBrokerError } from "../../../src/errors/index.ts";
import { bytesOf, must, outcomeOf, textOf, type Decoder } from "../decoder.ts";

/** Pairs as a request would bring them; undefined when the text is no object. */
function pairsOf(text: string): Record<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, String(one)]));
  } catch {
    return undefined;
  }
}

/** Reads the byte form again, by docs/envelope.md alone. */
function reread(preimage: Buffer): [string, string][] {
  let at = "keybroker context v1".length;
  const number = () => preimage.readUInt16BE((at += 2) - 2);
  const string = () => {
    const length = number();
    return preimage.toString("utf8", at, (at += length));
  };
  const pairs = Array.from({ length: number() }, (): [string, string] => [string(), string()]);
  must(at === preimage.length, "the byte form ends where it should");
  return pairs;
}

export const context: Decoder = {
  name: "context",
  seeds: ['{"host":"db-1","set":"nightly"}', "{}", '{"a":"","b":"\\ud83d\\udd11","a/b.c_d-e":"ü\\u0000"}'].map(bytesOf),
  words: [
    '"',
    ":",
    ",",
    "{",
    "}",
    "\\ud800",
    "\\u0000",
    '"a":"b"',
    '"__proto__":"x"',
    '"constructor":"y"',
    "A",
    "é",
    "1",
  ],
  check(input) {
    const pairs = pairsOf(textOf(input));
    if (pairs === undefined) return "no pairs";
    try {
      const hash = contextHash(pairs);
      const reversed = Object.fromEntries(Object.entries(pairs).reverse());
      must(contextHash(reversed).equals(hash), "the order of pairs does not matter");
      must(
        contextHash({ ...pairs, zz: `${pairs["zz"] ?? ""}x`.slice(-1_024) }).equals(hash) === false ||
          pairs["zz"] !== undefined,
        "a pair more is another context",
      );
      const sorted = Object.entries(pairs).sort(([a], [b]) => (a < b ? -1 : 1));
      must(JSON.stringify(reread(contextPreimage(pairs))) === JSON.stringify(sorted), "the byte form says the pairs");
      return `hashed: ${Object.keys(pairs).length}`;
    } catch (error) {
      must(isBrokerError(error) && error.reason === "REQUEST_INVALID", `a refusal, not ${String(error)}`);
      return outcomeOf(error);
    }
  },
};
