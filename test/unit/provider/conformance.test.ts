// The conformance cases have teeth: each fault is caught by the case that is named for it.

import { expect, test } from "vitest";
import { generateMasterKey } from "../../../providers/env/generate.ts";
import env from "../../../providers/env/index.ts";
import { conformanceCases } from "../../../src/provider/conformance.ts";
import { provideVariable } from "../../../src/provider/index.ts";
import type { MasterKey, Provider, ProviderKind } from "../../../src/provider/index.ts";

for (const version of ["1", "2"]) provideVariable(`TEETH_${version}`, generateMasterKey());

/** The env kind with faulty master keys. */
function faultyKind(change: (honest: MasterKey) => Partial<MasterKey>, close?: () => Promise<void>): ProviderKind {
  return {
    ...env,
    async open(settings) {
      const honest: Provider = await env.open(settings);
      return {
        async masterKey(reference, signal) {
          const key = await honest.masterKey(reference, signal);
          return { ...key, ...change(key) };
        },
        close: close ?? (() => honest.close()),
      };
    },
  };
}

async function failuresOf(kind: ProviderKind): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, run } of conformanceCases) {
    let primary = "1";
    const harness = {
      kind,
      settings: () => ({ keys: { "1": "${TEETH_1}", "2": "${TEETH_2}" }, primary }),
      reference: () => ({}),
      otherReference: () => ({ key: "2" }),
      secrets: () => [],
      rotate: () => Promise.resolve(void (primary = "2")),
    };
    await run(harness).catch(() => failures.push(name));
  }
  return failures;
}

const ignoring = new AbortController().signal;

const faults: [string, ProviderKind][] = [
  ["round trip", faultyKind(() => ({ unwrap: () => answerOf(Buffer.alloc(64)) }))],
  ["answers are within the envelope's limits", faultyKind(() => ({ id: "" }))],
  [
    "material comes in a buffer of its own",
    faultyKind((key) => ({
      async unwrap(...call) {
        const answer = await key.unwrap(...call);
        return { ...answer, material: Buffer.concat([answer.material, Buffer.alloc(1)]).subarray(0, 64) };
      },
    })),
  ],
  [
    "fresh ciphertext each time",
    faultyKind((key) => ({ wrap: once((...call: Parameters<MasterKey["wrap"]>) => key.wrap(...call)) })),
  ],
  [
    "the material is not changed and not kept",
    faultyKind((key) => ({
      async wrap(material, ...rest) {
        const answer = await key.wrap(material, ...rest);
        material[0]! ^= 1;
        return answer;
      },
    })),
  ],
  ["probe answers for a working master key", faultyKind(() => ({ probe: () => Promise.reject(new Error("no")) }))],
  [
    "every flipped byte is refused",
    faultyKind((key) => ({
      unwrap: (wrapped, ...rest) => key.unwrap(wrapped, ...rest).catch(() => Promise.reject(new TypeError("bad tag"))),
    })),
  ],
  [
    "truncation and extension are refused",
    faultyKind((key) => ({ unwrap: (wrapped, ...rest) => key.unwrap(wrapped.subarray(0, 112), ...rest) })),
  ],
  ["an unknown scheme is refused", faultyKind((key) => ({ unwrap: (w, _, b, s) => key.unwrap(w, 1, b, s) }))],
  [
    "an abort before the call is heeded",
    faultyKind((key) => ({ wrap: (material, binding) => key.wrap(material, binding, ignoring) })),
  ],
  [
    "close may be called twice, and calls after it fail",
    faultyKind(
      () => ({}),
      () => Promise.resolve(),
    ),
  ],
  [
    "the id is stable, and blobs open after the provider is opened anew",
    faultyKind(() => ({ id: `${Math.random()}` })),
  ],
  ["blobs open after a rotation, which says that a rewrap is due", faultyKind(() => ({ unwrapOnly: [] }))],
];

test("the honest kind passes", async () => {
  expect(await failuresOf(env)).toEqual([]);
});

test.each(faults)("a fault is caught by: %s", async (name, kind) => {
  expect(await failuresOf(kind)).toContain(name);
});

function answerOf(material: Buffer) {
  return Promise.resolve({ material, version: "1", rewrapDue: false });
}

/** A function that repeats its first answer. */
function once<A extends unknown[], R>(work: (...call: A) => R): (...call: A) => R {
  let first: { answer: R } | undefined;
  return (...call) => (first ??= { answer: work(...call) }).answer;
}
