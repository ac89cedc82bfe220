// What the configuration asks of a provider, and how people know its master keys.

import { expect, test } from "vitest";
import { referenceText, usesOf } from "../../../src/doctor/uses.ts";
import { createFaultyProvider } from "../../fakes/faulty-provider.ts";
import { configured } from "./setting.ts";

test("equal references are one use, which does all that any key wants", async () => {
  const keys = `
    a: { wrapTo: [{ provider: p, id: m1 }], verifyWrap: none, unwrapOnly: [{ provider: p, id: m2 }] },
    b: { wrapTo: [{ provider: p, id: m2 }] }`;
  expect(usesOf(await configured(createFaultyProvider().kind, keys), "p")).toEqual([
    { reference: { id: "m1" }, keys: ["a"], wraps: true, unwraps: false },
    { reference: { id: "m2" }, keys: ["a", "b"], wraps: true, unwraps: true },
  ]);
});

test("a provider that no key names has none", async () => {
  expect(usesOf(await configured(createFaultyProvider().kind), "q")).toEqual([]);
});

test.each([
  [{ key: "arn:aws:kms:x" }, "arn:aws:kms:x"],
  [{ key: { label: "kb", id: "0a" } }, "label kb, id 0a"],
  [{ label: "kb" }, "label kb"],
  [{ mount: "transit", key: "kb" }, "mount transit, key kb"],
  [{}, "its own master key"],
  [undefined, "its own master key"],
])("%j is known as %s", (reference, text) => {
  expect(referenceText(reference)).toBe(text);
});
