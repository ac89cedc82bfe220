// Cases: what is wrapped unwraps.

import assert from "node:assert/strict";
import { binding, material, never, onBench, unwrap } from "./bench.ts";
import type { ConformanceCase } from "./harness.ts";

/** What is wrapped unwraps, whole and within the envelope's limits. */
export const basics: readonly ConformanceCase[] = [
  onBench("round trip", async ({ key, plain, blob }) => {
    const { material: answered, version } = await unwrap(key, blob);
    assert.deepEqual(Buffer.from(answered), plain);
    assert.equal(version, blob.version);
  }),
  onBench("answers are within the envelope's limits", ({ harness, key, blob }) => {
    const idBytes = Buffer.byteLength(key.id);
    assert(idBytes >= 1 && idBytes <= 65_535, "the id has 1 to 65,535 bytes");
    assert(blob.wrapped.length >= 1 && blob.wrapped.length <= 2_048, "the blob has 1 to 2,048 bytes");
    assert(harness.kind.schemes.includes(blob.scheme), "the scheme is one of the kind's");
    assert(Buffer.byteLength(blob.version) <= 255, "the version has at most 255 bytes");
    return Promise.resolve();
  }),
  onBench("material comes in a buffer of its own", async ({ key, blob }) => {
    const { material: answered } = await unwrap(key, blob);
    assert.equal(answered.buffer.byteLength, answered.length, "it is a slice of shared memory");
  }),
  onBench("fresh ciphertext each time", async ({ key, plain, blob }) => {
    const again = await key.wrap(Buffer.from(plain), binding(), never());
    assert.notDeepEqual(Buffer.from(again.wrapped), Buffer.from(blob.wrapped));
  }),
  onBench("the material is not changed and not kept", async ({ key, plain }) => {
    const given = Buffer.from(plain);
    const blob = await key.wrap(given, binding(), never());
    assert.deepEqual(given, plain);
    given.fill(0);
    assert.deepEqual(Buffer.from((await unwrap(key, blob)).material), plain);
  }),
  onBench("concurrent use", async ({ key }) => {
    const trips = Array.from({ length: 20 }, async () => {
      const plain = material();
      const blob = await key.wrap(Buffer.from(plain), binding(), never());
      assert.deepEqual(Buffer.from((await unwrap(key, blob)).material), plain);
    });
    await Promise.all(trips);
  }),
  onBench("probe answers for a working master key", async ({ key }) => {
    await key.probe(never());
  }),
];
