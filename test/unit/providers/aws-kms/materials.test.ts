// What is known of key materials, and when a look is worth a call.

import { expect, test } from "vitest";
import { createMaterials } from "../../../../providers/aws-kms/materials.ts";

/** Materials, with looks that answer `current` and are counted. */
function looking(current: string | undefined) {
  const clock = { ms: 0 };
  const materials = createMaterials(() => clock.ms);
  const state = { current, looks: 0, fails: false };
  const look = () => {
    state.looks++;
    if (state.fails) return Promise.reject(new Error("no answer"));
    return Promise.resolve(materials.saw(state.current));
  };
  return { materials, state, clock, isOutdated: (material?: string) => materials.isOutdated(material, look) };
}

test("an unknown material takes one look, whatever comes of it", async () => {
  const { state, isOutdated } = looking("b");
  expect(await isOutdated("a")).toBe(true);
  expect(await isOutdated("a")).toBe(true);
  expect(await isOutdated("b")).toBe(false);
  expect(state.looks).toBe(1);
});

test("a newer one is not taken for an older one, and what was current becomes outdated", async () => {
  const { materials, state, isOutdated } = looking("a");
  materials.saw("a");
  state.current = "b";
  expect(await isOutdated("b")).toBe(false);
  expect(await isOutdated("a")).toBe(true);
  expect(materials.current()).toBe("b");
  expect(state.looks).toBe(1);
});

test("after a look that failed there is a pause, and then another look", async () => {
  const { state, clock, isOutdated } = looking("b");
  state.fails = true;
  expect([await isOutdated("a"), await isOutdated("a")]).toEqual([false, false]);
  expect(state.looks).toBe(1);
  state.fails = false;
  clock.ms = 30_000;
  expect(await isOutdated("a")).toBe(true);
  expect(state.looks).toBe(2);
});

test("where none is named, nothing is due and nothing is looked for again", async () => {
  const { materials, state, isOutdated } = looking(undefined);
  expect([await isOutdated(), await isOutdated("a"), await isOutdated("a")]).toEqual([false, false, false]);
  expect(state.looks).toBe(1);
  expect(materials.current()).toBe("");
});
