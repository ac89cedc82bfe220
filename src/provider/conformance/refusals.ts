// Cases: what was not wrapped like this is refused.

import assert from "node:assert/strict";
import { binding, masterKey, never, onBench, unwrap } from "./bench.ts";
import { flipped, neverTheSame, rejects, wordsOf } from "./checks.ts";
import type { ConformanceCase } from "./harness.ts";

/** Another master key, binding, scheme or blob never brings the material back. */
export const refusals: readonly ConformanceCase[] = [
  onBench("another master key does not unwrap it", async ({ harness, provider, key, plain, blob }) => {
    const other = await masterKey(harness, provider, harness.otherReference());
    assert.notEqual(other.id, key.id, "the harness names two master keys");
    await neverTheSame(unwrap(other, blob), plain, "another master key");
  }),
  onBench("another binding does not unwrap it, or is for the broker's hash to catch", async ({ key, blob }) => {
    const others = [{ realm: "another" }, { key: "another/key" }, { branchId: Buffer.alloc(16, 6) }, { share: 2 }];
    for (const change of others) {
      const answer = unwrap(key, blob, blob.wrapped, binding({ recipients: 2, ...change }));
      // A scheme without associated data answers: the hash within the material then differs from this binding's.
      await answer.catch((error: unknown) => rejects(Promise.reject(error as Error), ["ENVELOPE_REFUSED"], "binding"));
    }
  }),
  onBench("every flipped byte is refused", async ({ key, plain, blob }) => {
    for (let index = 0; index < blob.wrapped.length; index++) {
      await neverTheSame(unwrap(key, blob, flipped(blob.wrapped, index)), plain, `byte ${index}`);
    }
  }),
  onBench("truncation and extension are refused", async ({ key, plain, blob }) => {
    const { wrapped } = blob;
    for (const length of [0, 1, 16, wrapped.length >> 1, wrapped.length - 1]) {
      await neverTheSame(unwrap(key, blob, wrapped.slice(0, length)), plain, `${length} bytes`);
    }
    await neverTheSame(unwrap(key, blob, Buffer.concat([wrapped, Buffer.alloc(1)])), plain, "a byte more");
    await neverTheSame(unwrap(key, blob, Buffer.concat([Buffer.alloc(1), wrapped])), plain, "a byte before");
  }),
  onBench("an unknown scheme is refused", async ({ harness, key, blob }) => {
    const unknown = [0, 1, 2, 100, 255].filter((scheme) => !harness.kind.schemes.includes(scheme));
    for (const scheme of unknown) {
      await rejects(key.unwrap(blob.wrapped, scheme, binding(), never()), ["ENVELOPE_REFUSED"], `scheme ${scheme}`);
    }
  }),
  onBench("no error holds a secret", async ({ harness, key, plain, blob }) => {
    const error = await unwrap(key, blob, flipped(blob.wrapped, blob.wrapped.length - 1)).catch((e: unknown) => e);
    const forms = (["hex", "base64", "base64url"] as const).map((form) => plain.toString(form));
    const said = wordsOf(error);
    for (const secret of [...harness.secrets(), ...forms]) assert(!said.includes(secret), "an error holds a secret");
  }),
];
