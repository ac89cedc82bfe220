// The envelope proposes, the configuration decides: all of it before a provider is called.

import { describe, expect, test } from "vitest";
import { judge } from "../../../src/broker/judge.ts";
import { listedName, type Key } from "../../../src/broker/keyring.ts";
import { decode, encodeBranchHeader, refused } from "../../../src/envelope/index.ts";
import type { BrokerError } from "../../../src/errors/index.ts";
import { faults, on } from "../../fakes/faulty-provider.ts";
import { context, keyOf, reasonOf, recipient, scopeOf, settingOf } from "./setting.ts";
import type { Setting } from "./setting.ts";

/** The reason, after checking that no provider was asked to unwrap and that the audit heard of no attempt. */
async function refusedUnasked(setting: Setting, envelope: Uint8Array): Promise<string> {
  const before = setting.a.count("unwrap") + setting.b.count("unwrap");
  const scope = scopeOf();
  const reason = await reasonOf(setting.broker.unwrap(setting.key, decode(envelope), context, scope));
  expect(setting.a.count("unwrap") + setting.b.count("unwrap")).toBe(before);
  expect(scope.attempts).toBe(0);
  return reason;
}

describe("what the configuration does not list is refused before a provider call", () => {
  test("a foreign realm", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    expect(await refusedUnasked(await setting.restart(undefined, { realm: "dev" }), envelope)).toBe("ENVELOPE_REFUSED");
  });

  test("a realm under acceptRealms is opened, and is due for rewrapping", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart(undefined, { realm: "new", acceptRealms: ["prod"] });
    const unsealed = await later.broker.unwrap(later.key, envelope, context, scopeOf());
    expect(unsealed.rewrapDue).toBe(true);
  });

  test("another key's envelope, even with the same master key", async () => {
    const setting = await settingOf([keyOf({ name: "backups/mail" })]);
    const envelope = await setting.wrap();
    expect(await refusedUnasked(await setting.restart([keyOf()]), envelope)).toBe("ENVELOPE_REFUSED");
  });

  test("a former name is opened, and is due for rewrapping", async () => {
    const setting = await settingOf([keyOf({ name: "old/name" })]);
    const envelope = decode(await setting.wrap());
    const later = await setting.restart([keyOf({ formerNames: ["old/name"] })]);
    expect(later.broker.key("old/name")).toBe(later.key);
    const unsealed = await later.broker.unwrap(later.key, envelope, context, scopeOf());
    expect(unsealed.rewrapDue).toBe(true);
  });

  test("a recipient that the key's configuration does not list", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart([keyOf({ wrapTo: [recipient("a", "another")] })]);
    expect(await refusedUnasked(later, envelope)).toBe("ENVELOPE_REFUSED");
  });

  test("a recipient of the same master-key id and another kind", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart([keyOf({ wrapTo: [recipient("b", "mk")] })]);
    expect(await refusedUnasked(later, envelope)).toBe("ENVELOPE_REFUSED");
  });

  test("a threshold that fewer of its recipients are listed than", async () => {
    const key = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")] });
    const setting = await settingOf([key]);
    const envelope = decode(await setting.wrap());
    const later = await setting.restart([keyOf()]);
    expect(await refusedUnasked(later, forge(envelope, { threshold: 2 }))).toBe("ENVELOPE_REFUSED");
  });

  test("a threshold below the key's", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const listed = new Map(envelope.recipients.map(({ kind, masterKeyId }) => [listedName(kind, masterKeyId), {}]));
    const keyThatNeeds = (unwrapNeeds: number) =>
      ({ configuration: keyOf({ unwrapNeeds }), slots: [], listed }) as unknown as Key;
    const realms = { realm: envelope.realm, acceptRealms: [] };
    expect(judge(keyThatNeeds(1), envelope, realms).recipients).toHaveLength(1);
    expect(() => judge(keyThatNeeds(2), envelope, realms)).toThrow(refused("threshold"));
  });

  test("all refusals say the same", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const messages = new Set<string>();
    const note = async (attempt: Promise<unknown>) => {
      await attempt.catch((error: BrokerError) => messages.add(`${error.reason} ${error.message}`));
    };
    await note((await setting.restart(undefined, { realm: "dev" })).unwrap(envelope));
    await note((await setting.restart([keyOf({ wrapTo: [recipient("a", "another")] })])).unwrap(envelope));
    await note(setting.unwrap(envelope, Buffer.alloc(32)));
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.refuse));
    await note(later.unwrap(envelope));
    const changed = Buffer.from(envelope);
    changed[changed.length - 1]! ^= 1;
    await note(setting.unwrap(changed));
    expect(messages.size).toBe(1);
  });
});

describe("an outage is never taken for a refusal", () => {
  test("while a provider cannot name its master key, its envelopes cannot be judged", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    setting.a.play(faults.throttle(60_000));
    const later = await setting.restart();
    expect(await reasonOf(later.unwrap(envelope))).toBe("PROVIDER_UNAVAILABLE");
    later.a.play(undefined);
    expect(await later.unwrap(envelope)).toHaveLength(32);
  });

  test("an envelope of no kind that the key lists is refused even then", async () => {
    const setting = await settingOf([keyOf({ wrapTo: [recipient("b", "mk")] })]);
    const envelope = await setting.wrap();
    setting.a.play(faults.throttle(60_000));
    const later = await setting.restart([keyOf()]);
    expect(await refusedUnasked(later, envelope)).toBe("ENVELOPE_REFUSED");
  });

  test("one recipient refuses, another is down: the caller is told of the outage", async () => {
    const key = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")] });
    const setting = await settingOf([key]);
    const envelope = await setting.wrap();
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.refuse));
    later.b.play(on("unwrap", faults.throttle(60_000)));
    expect(await reasonOf(later.unwrap(envelope))).toBe("PROVIDER_UNAVAILABLE");
  });

  test("one recipient refuses, the next opens", async () => {
    const key = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")] });
    const setting = await settingOf([key]);
    const envelope = await setting.wrap();
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.refuse));
    expect(await later.unwrap(envelope)).toHaveLength(32);
  });
});

describe("rewrap is due", () => {
  const cases = [
    ["when a recipient was added", keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")] }), true],
    [
      "when the recipient is retired",
      keyOf({ wrapTo: [recipient("b", "mk")], unwrapOnly: [recipient("a", "mk")] }),
      true,
    ],
    ["not when a retired one was added beside it", keyOf({ unwrapOnly: [recipient("b", "mk")] }), false],
    ["not when nothing changed", keyOf(), false],
  ] as const;

  test.each(cases)("%s", async (_, key, due) => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart([key]);
    const unsealed = await later.broker.unwrap(later.key, envelope, context, scopeOf());
    expect(unsealed.rewrapDue).toBe(due);
  });

  test("when the provider says so", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart();
    later.a.rewrapDue = true;
    const unsealed = await later.broker.unwrap(later.key, envelope, context, scopeOf());
    expect(unsealed.rewrapDue).toBe(true);
  });
});

/** The same envelope with other header fields: its seal and commitment no longer fit, which comes later. */
function forge(envelope: ReturnType<typeof decode>, changes: { threshold: number }): Buffer {
  const h0 = encodeBranchHeader({ ...envelope, ...changes });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(envelope.sealed.length);
  return Buffer.concat([h0, envelope.commitment, envelope.nonce, length, envelope.sealed]);
}
