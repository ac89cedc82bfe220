// Cases: aborts, closing, opening anew, rotation and disabling.

import assert from "node:assert/strict";
import { binding, masterKey, material, never, onBench, unwrap, withProvider } from "./bench.ts";
import { rejects } from "./checks.ts";
import type { ConformanceCase } from "./harness.ts";
import type { Wrapped } from "../provider.ts";

/** What happens around the calls. */
export const lifeCycle: readonly ConformanceCase[] = [
  onBench("an abort before the call is heeded", async ({ key, blob }) => {
    const signal = AbortSignal.abort();
    await assert.rejects(key.wrap(material(), binding(), signal), "wrap");
    await assert.rejects(key.unwrap(blob.wrapped, blob.scheme, binding(), signal), "unwrap");
    await assert.rejects(key.probe(signal), "probe");
  }),
  onBench("an abort during the call lets it settle, and leaves the master key usable", async ({ key, plain, blob }) => {
    const controller = new AbortController();
    const calls = [
      key.wrap(material(), binding(), controller.signal),
      key.unwrap(blob.wrapped, blob.scheme, binding(), controller.signal),
    ];
    controller.abort();
    await Promise.allSettled<unknown>(calls);
    assert.deepEqual(Buffer.from((await unwrap(key, blob)).material), plain);
  }),
  onBench("close may be called twice, and calls after it fail", async ({ provider, key, blob }) => {
    await provider.close();
    await provider.close();
    await assert.rejects(key.wrap(material(), binding(), never()), "wrap");
    await assert.rejects(unwrap(key, blob), "unwrap");
  }),
  onBench(
    "the id is stable, and blobs open after the provider is opened anew",
    async ({ harness, key, plain, blob }) => {
      await withProvider(harness, async (later) => {
        const same = await masterKey(harness, later);
        assert.equal(same.id, key.id);
        assert.deepEqual(Buffer.from((await unwrap(same, blob)).material), plain);
      });
    },
  ),
  {
    name: "blobs open after a rotation, which says that a rewrap is due",
    async run(harness) {
      if (!harness.rotate) return "skipped";
      const plain = material();
      let before: { id: string; blob: Wrapped } | undefined;
      await withProvider(harness, async (provider) => {
        const key = await masterKey(harness, provider);
        before = { id: key.id, blob: await key.wrap(Buffer.from(plain), binding(), never()) };
      });
      await harness.rotate();
      await withProvider(harness, async (provider) => {
        const primary = await masterKey(harness, provider);
        const { id, blob } = before!;
        const holder = [primary, ...(primary.unwrapOnly ?? [])].find((key) => key.id === id);
        assert(holder, "no master key has the old id");
        const answer = await unwrap(holder, blob);
        assert.deepEqual(Buffer.from(answer.material), plain);
        assert.equal(answer.rewrapDue, true);
      });
      return "passed";
    },
  },
  {
    name: "a disabled master key is told as such",
    async run(harness) {
      if (!harness.disable) return "skipped";
      await withProvider(harness, async (provider) => {
        const key = await masterKey(harness, provider);
        const enable = await harness.disable!();
        try {
          await rejects(key.wrap(material(), binding(), never()), ["KEY_DISABLED"], "wrap");
          await rejects(key.probe(never()), ["KEY_DISABLED"], "probe");
        } finally {
          await enable();
        }
      });
      return "passed";
    },
  },
];
