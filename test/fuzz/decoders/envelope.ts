// Envelopes, as bytes and as text.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encodeBranchHeader, fromText, toText } from "../../../src/envelope/index.ts";
import { isBrokerError } from "../../../src/errors/index.ts";
import { bytesOf, must, outcomeOf, textOf, type Decoder } from "../decoder.ts";

const golden = join(import.meta.dirname, "../../vectors/golden/valid");

/** Some valid envelopes of the golden vectors: of every kind, threshold and length. */
export const envelopes: readonly Uint8Array[] = readdirSync(golden)
  .map((file) => JSON.parse(readFileSync(join(golden, file), "utf8")) as { envelope?: string })
  .map(({ envelope = "" }) => Buffer.from(envelope, "hex"))
  .filter(({ length }) => length > 0 && length < 2_000);

function refusal(error: unknown): string {
  must(isBrokerError(error) && error.reason === "ENVELOPE_REFUSED", `a refusal, not ${String(error)}`);
  return outcomeOf(error);
}

/** The binary decoder: what it reads, it writes again to the same bytes. */
export const envelope: Decoder = {
  name: "envelope",
  seeds: envelopes,
  check(input) {
    try {
      const read = decode(input);
      must(encodeBranchHeader(read).equals(read.h0), "the header is written as it was read");
      must(read.associatedData.length + read.sealed.length === input.length, "every byte belongs to something");
      must(read.dataKeyLength >= 1 && read.dataKeyLength <= 65_536, "a data key has 1 to 65,536 bytes");
      return `read: ${read.threshold} of ${read.recipients.length}`;
    } catch (error) {
      return refusal(error);
    }
  },
};

/** The text form: one text for one envelope. */
export const text: Decoder = {
  name: "text",
  seeds: [...envelopes.slice(0, 10), Buffer.alloc(1)].map((bytes) => bytesOf(toText(bytes))),
  words: ["kb1.", "kb2.", "=", "==", "\n", " ", "-", "_", "+", "/", "S0JF", "kb1.AA", "kb1.AB"],
  check(input) {
    const given = textOf(input);
    try {
      must(toText(fromText(given)) === given, "the text of the bytes that were read is the text");
      return `read: ${given.length % 4}`;
    } catch (error) {
      return refusal(error);
    }
  },
};
