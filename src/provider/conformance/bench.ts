// The start of most cases: an open provider and a wrapped material.

import { randomBytes } from "node:crypto";
import { bindingOf } from "../binding.ts";
import type { Binding } from "../binding.ts";
import type { MasterKey, Provider, Wrapped } from "../provider.ts";
import type { ConformanceCase, ConformanceHarness } from "./harness.ts";

/** What the broker has wrapped: 64 bytes. */
export const material = () => randomBytes(64);

/** A binding like the broker's. */
export function binding(changes: Partial<Parameters<typeof bindingOf>[0]> = {}): Binding {
  const facts = { suite: 1, realm: "conformance", key: "conformance/key", share: 1, threshold: 1, recipients: 1 };
  return bindingOf({ ...facts, branchId: Buffer.alloc(16, 5), ...changes });
}

/** A signal that nobody aborts. */
export const never = (): AbortSignal => new AbortController().signal;

async function open(harness: ConformanceHarness): Promise<Provider> {
  const { kind } = harness;
  return await kind.open(kind.settings.parse(harness.settings()) as never);
}

/** Opens the provider for one case and closes it after. */
export async function withProvider(
  harness: ConformanceHarness,
  work: (provider: Provider) => Promise<void>,
): Promise<void> {
  const provider = await open(harness);
  try {
    await work(provider);
  } finally {
    await provider.close();
  }
}

/** The master key that a reference of the harness names. */
export function masterKey(
  harness: ConformanceHarness,
  provider: Provider,
  reference = harness.reference(),
): Promise<MasterKey> {
  return provider.masterKey(harness.kind.reference.parse(reference), never());
}

/** One open provider, its master key, and a wrapped material. */
export interface Bench {
  readonly harness: ConformanceHarness;
  readonly provider: Provider;
  readonly key: MasterKey;
  readonly plain: Buffer;
  readonly blob: Wrapped;
}

/** A case that starts with an open provider and a wrapped material. */
export function onBench(name: string, check: (bench: Bench) => Promise<void>): ConformanceCase {
  return {
    name,
    async run(harness) {
      await withProvider(harness, async (provider) => {
        const key = await masterKey(harness, provider);
        const plain = material();
        const blob = await key.wrap(Buffer.from(plain), binding(), never());
        await check({ harness, provider, key, plain, blob });
      });
      return "passed";
    },
  };
}

/** Unwraps a blob, or what a case made of it. */
export function unwrap(key: MasterKey, blob: Wrapped, wrapped: Uint8Array = blob.wrapped, bound = binding()) {
  return key.unwrap(wrapped, blob.scheme, bound, never());
}
