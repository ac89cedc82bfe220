// What every answer of KMS has to hold to before anything in it is used.

import { BrokerError } from "../../src/errors/index.ts";

/** Throws INTERNAL for another key's answer: it is never used, whatever it holds. */
export function compareKeys(answered: string | undefined, asked: string): void {
  if (answered === asked) return;
  throw new BrokerError("INTERNAL", `AWS KMS gave another key's answer: asked for ${asked}, got ${answered ?? "none"}`);
}

/** Something that an answer must have is not in it. */
export function incomplete(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "AWS KMS, or something before it, gave an incomplete answer");
}
