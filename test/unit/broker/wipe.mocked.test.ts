// Branch keys and shares are wiped once they served, whatever came of it.

import { beforeEach, expect, test, vi } from "vitest";
import type * as Envelope from "../../../src/envelope/index.ts";
import { faults, on } from "../../fakes/faulty-provider.ts";
import { keyOf, reasonOf, recipient, settingOf } from "./setting.ts";

/** Secrets that were cut, the shares made of them, and what was put together from shares. */
const secrets: Uint8Array[] = [];

vi.mock(import("../../../src/envelope/index.ts"), async (original) => {
  const envelope: typeof Envelope = await original();
  return {
    ...envelope,
    split(secret: Uint8Array, threshold: number, count: number) {
      const shares = envelope.split(secret, threshold, count);
      secrets.push(secret, ...shares);
      return shares;
    },
    combine(shares: Parameters<typeof envelope.combine>[0]) {
      const secret = envelope.combine(shares);
      secrets.push(secret, ...shares.map(({ share }) => share));
      return secret;
    },
  };
});

beforeEach(() => secrets.splice(0));

const wrapTo = [recipient("a", "mk"), recipient("b", "mk")];
const areGone = () => secrets.every((secret) => secret.every((byte) => byte === 0));

test.each([1, 2])("with unwrapNeeds %s", async (unwrapNeeds) => {
  const setting = await settingOf([keyOf({ wrapTo, wrapNeeds: 2, unwrapNeeds })]);
  const envelope = await setting.wrap();
  expect(secrets).toHaveLength(3);
  const later = await setting.restart();
  await later.unwrap(envelope);
  expect(secrets).toHaveLength(4 + unwrapNeeds);
  expect(areGone()).toBe(true);
});

test("when a recipient would not take its share", async () => {
  const setting = await settingOf([keyOf({ wrapTo, wrapNeeds: 2, unwrapNeeds: 2 })]);
  setting.b.play(on("wrap", faults.disabled));
  expect(await reasonOf(setting.wrap())).toBe("KEY_DISABLED");
  expect(secrets).toHaveLength(3);
  expect(areGone()).toBe(true);
});
