// Check: what it answers, what it throws, and that its deep form asks every recipient past the caches.

import { describe, expect, test } from "vitest";
import { decode } from "../../../src/envelope/index.ts";
import { faults, on } from "../../fakes/faulty-provider.ts";
import { context, keyOf, otherContext, reasonOf, recipient, scopeOf, settingOf } from "./setting.ts";
import type { Setting } from "./setting.ts";

const twoRecipients = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")] });

function check({ broker, key }: Setting, envelope: Uint8Array, deep: boolean, hash = context) {
  return broker.check(key, decode(envelope), hash, deep, scopeOf());
}

describe.each([false, true])("deep %s", (deep) => {
  test("an envelope that would unwrap", async () => {
    const setting = await settingOf([twoRecipients]);
    const answer = await check(setting, await setting.wrap(), deep);
    const { matches, trusted, version, reason, rewrapDue } = answer;
    expect({ matches, trusted, version, reason, rewrapDue }).toEqual({
      matches: true,
      trusted: true,
      version: "v1",
      reason: undefined,
      rewrapDue: false,
    });
  });

  test("another context", async () => {
    const setting = await settingOf([twoRecipients]);
    const answer = await check(setting, await setting.wrap(), deep, otherContext);
    expect(answer).toMatchObject({ matches: false, reason: "ENVELOPE_REFUSED" });
  });

  test("a foreign realm", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = await setting.wrap();
    const answer = await check(await setting.restart(undefined, { realm: "dev" }), envelope, deep);
    expect(answer).toMatchObject({ matches: false, version: "", reason: "ENVELOPE_REFUSED", rewrapDue: false });
  });

  test("a recipient that is no longer listed: it opens, and is not wholly trusted", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = await setting.wrap();
    const answer = await check(await setting.restart([keyOf()]), envelope, deep);
    expect(answer).toMatchObject({ matches: true, trusted: false, rewrapDue: true });
  });

  test("an outage is thrown, not answered", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.throttle(60_000)));
    expect(await reasonOf(check(later, envelope, deep))).toBe("PROVIDER_UNAVAILABLE");
  });

  test("a backend that cannot name its master key is an outage too", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    setting.a.play(faults.throttle(60_000));
    expect(await reasonOf(check(await setting.restart(), envelope, deep))).toBe("PROVIDER_UNAVAILABLE");
  });
});

describe("deep", () => {
  test("asks every recipient, though the cache could answer", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = await setting.wrap();
    const before = [setting.a.count("unwrap"), setting.b.count("unwrap")];
    const { recipients } = await check(setting, envelope, true);
    expect([setting.a.count("unwrap"), setting.b.count("unwrap")]).toEqual(before.map((count) => count + 1));
    expect(recipients.map(({ provider, matches }) => ({ provider, matches }))).toEqual([
      { provider: "a", matches: true },
      { provider: "b", matches: true },
    ]);
  });

  test("names the recipient that fails, while another opens", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = await setting.wrap();
    setting.a.play(on("unwrap", faults.throttle(60_000)));
    const answer = await check(setting, envelope, true);
    expect(answer.matches).toBe(true);
    expect(answer.recipients.map(({ reason }) => reason)).toEqual(["PROVIDER_UNAVAILABLE", undefined]);
  });

  test("names a recipient that the configuration does not list", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = await setting.wrap();
    const { recipients } = await check(await setting.restart([keyOf()]), envelope, true);
    expect(recipients[1]).toEqual({
      provider: "",
      masterKeyId: "mk",
      matches: false,
      version: "",
      reason: "ENVELOPE_REFUSED",
    });
  });

  test("does not warm the cache", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    await check(later, envelope, true);
    const before = later.a.count("unwrap");
    await later.unwrap(envelope);
    expect(later.a.count("unwrap")).toBe(before + 1);
  });
});

describe("recipientsOf", () => {
  test("names the configured provider of each recipient, and the kind of those that are not listed", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = decode(await setting.wrap());
    const later = await setting.restart([keyOf()]);
    expect(later.broker.recipientsOf(later.key, envelope)).toEqual([
      { provider: "a", kind: "a" },
      { provider: "", kind: "b" },
    ]);
    const foreign = { ...envelope, recipients: envelope.recipients.map((one) => ({ ...one, kind: 99 })) };
    expect(later.broker.recipientsOf(later.key, foreign)[0]).toEqual({ provider: "", kind: "99" });
  });
});
