// k of n: what it takes, who is asked, and that wrong, mixed and swapped shares are refused.

import { describe, expect, test, vi } from "vitest";
import { decode, encodeBranchHeader } from "../../../src/envelope/index.ts";
import type { Envelope } from "../../../src/envelope/index.ts";
import { altered, faults, on } from "../../fakes/faulty-provider.ts";
import type { FaultyProvider } from "../../fakes/faulty-provider.ts";
import type { Unwrapped } from "../../../src/provider/index.ts";
import { context, keyOf, otherContext, reasonOf, recipient, scopeOf, settingOf, useFakeTime } from "./setting.ts";
import type { Setting } from "./setting.ts";

useFakeTime();

const wrapTo = [recipient("a", "mk"), recipient("b", "mk"), recipient("c", "mk")];
const twoOfThree = keyOf({ wrapTo, wrapNeeds: 3, unwrapNeeds: 2 });

async function sealed(key = twoOfThree) {
  const first = await settingOf([key]);
  const envelope = await first.wrap();
  const setting = await first.restart();
  await vi.advanceTimersByTimeAsync(0);
  return { setting, envelope, first };
}

const counts = ({ a, b, c }: Setting) => [a, b, c].map((one) => one.count("unwrap"));

/** Answers another share with the right hash behind it: what only the backend itself could do. */
function lie(provider: FaultyProvider): void {
  const change = (honest: Unwrapped) => (honest.material.set([honest.material[0]! ^ 1]), honest);
  provider.play(altered("unwrap", change));
}

describe("a quorum", () => {
  test("its envelopes say so, and no recipient holds the branch key", async () => {
    const { setting, envelope } = await sealed();
    const { threshold, recipients } = decode(envelope);
    expect([threshold, recipients.length]).toEqual([2, 3]);
    const shares = [setting.a, setting.b, setting.c].map((one) => one.calls.find((call) => call.operation === "wrap"));
    expect(new Set(shares).size).toBe(3);
    expect(await setting.unwrap(envelope)).toHaveLength(32);
  });

  test("as many as it takes are asked at once, and no more while they answer", async () => {
    const { setting, envelope } = await sealed();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    setting.a.play(on("unwrap", async (_, answer) => (await gates[0]!.promise, answer())));
    setting.b.play(on("unwrap", async (_, answer) => (await gates[1]!.promise, answer())));
    const before = counts(setting);
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(0);
    expect(counts(setting).map((count, index) => count - before[index]!)).toEqual([1, 1, 0]);
    for (const gate of gates) gate.resolve();
    expect(await opened).toHaveLength(32);
    expect(setting.c.count("unwrap")).toBe(before[2]);
  });

  test("a spare is asked after an error, and after the delay", async () => {
    const { setting, envelope } = await sealed();
    setting.a.play(on("unwrap", faults.throttle(60_000)));
    expect(await setting.unwrap(envelope)).toHaveLength(32);
    setting.broker.purge();
    setting.a.play(on("unwrap", faults.hang));
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await opened).toHaveLength(32);
  });

  test("fewer than it takes open nothing, and the caller is told why", async () => {
    const { setting, envelope } = await sealed();
    setting.a.play(on("unwrap", faults.disabled));
    setting.c.play(on("unwrap", faults.throttle(60_000)));
    expect(await reasonOf(setting.unwrap(envelope))).toBe("PROVIDER_UNAVAILABLE");
    setting.c.play(on("unwrap", faults.refuse));
    expect(await reasonOf(setting.unwrap(envelope))).toBe("KEY_DISABLED");
  });

  test("every share that was answered is wiped", async () => {
    const { setting, envelope } = await sealed();
    await setting.unwrap(envelope);
    const answered = [setting.a, setting.b, setting.c].flatMap((one) => one.answered);
    expect(answered).toHaveLength(5);
    expect(answered.every((material) => material.every((byte) => byte === 0))).toBe(true);
  });

  test("a branch key that all but one could take is cut anew for those", async () => {
    const setting = await settingOf([keyOf({ wrapTo, wrapNeeds: 2, unwrapNeeds: 2 })]);
    setting.b.play(on("wrap", faults.throttle(60_000)));
    const envelope = await setting.wrap();
    expect(decode(envelope).recipients.map(({ kind }) => kind)).toEqual([200, 202]);
    const later = await setting.restart();
    expect(await later.unwrap(envelope)).toHaveLength(32);
  });

  test("the version told is that of all who opened it", async () => {
    const { setting, envelope } = await sealed();
    setting.a.version = "7";
    setting.b.version = "9";
    const { version } = await setting.broker.unwrap(setting.key, decode(envelope), context, scopeOf());
    expect(version).toBe("7, 9");
  });
});

describe("shares that do not belong are refused", () => {
  /** The same envelope with its recipients changed; the commitment is no longer theirs, which comes last. */
  function changed(envelope: Envelope, recipients: Envelope["recipients"]): Envelope {
    const h0 = encodeBranchHeader({ ...envelope, recipients });
    return { ...envelope, recipients, h0, branchHeader: Buffer.concat([h0, envelope.commitment]) };
  }

  const open = (setting: Setting, envelope: Envelope) =>
    reasonOf((async () => await setting.broker.unwrap(setting.key, envelope, context, scopeOf()))());

  test("a share of another branch key, by the hash in it", async () => {
    const { setting, envelope, first } = await sealed();
    first.broker.purge();
    const other = decode(await first.wrap());
    const one = decode(envelope);
    const mixed = changed(one, [other.recipients[0]!, other.recipients[1]!, one.recipients[2]!]);
    expect(await open(setting, mixed)).toBe("ENVELOPE_REFUSED");
  });

  test("a share at another's position, by the hash in it", async () => {
    const key = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")], wrapNeeds: 2, unwrapNeeds: 2 });
    const { setting, envelope } = await sealed(key);
    const one = decode(envelope);
    expect(await open(setting, changed(one, one.recipients.toReversed()))).toBe("ENVELOPE_REFUSED");
  });

  test("a wrong share with a right hash, by the commitment", async () => {
    const key = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")], wrapNeeds: 2, unwrapNeeds: 2 });
    const { setting, envelope } = await sealed(key);
    lie(setting.b);
    expect(await reasonOf(setting.unwrap(envelope))).toBe("ENVELOPE_REFUSED");
  });

  test.each(["a", "b", "c"] as const)("one lying backend of three does not stop a restore: %s", async (liar) => {
    const { setting, envelope } = await sealed();
    lie(setting[liar]);
    expect(await setting.unwrap(envelope)).toHaveLength(32);
  });

  test("two lying backends of three do", async () => {
    const { setting, envelope } = await sealed();
    lie(setting.a);
    lie(setting.c);
    expect(await reasonOf(setting.unwrap(envelope))).toBe("ENVELOPE_REFUSED");
  });

  test("a branch key whose shares do not open again seals nothing", async () => {
    const setting = await settingOf([twoOfThree]);
    lie(setting.c);
    expect(await reasonOf(setting.wrap())).toBe("INTERNAL");
  });
});

describe("what changes about a quorum", () => {
  test("an envelope that one master key opens is refused by a key that needs two, before anybody is asked", async () => {
    const first = await settingOf([keyOf({ wrapTo })]);
    const envelope = await first.wrap();
    const setting = await first.restart([twoOfThree]);
    const before = counts(setting);
    expect(await reasonOf(setting.unwrap(envelope))).toBe("ENVELOPE_REFUSED");
    expect(counts(setting)).toEqual(before);
  });

  test("a key that needs fewer than before opens what needs more, with as many as that needs, and says that it is due", async () => {
    const { setting, envelope } = await sealed();
    const later = await setting.restart([keyOf({ wrapTo })]);
    const unsealed = await later.broker.unwrap(later.key, decode(envelope), context, scopeOf());
    expect(unsealed.rewrapDue).toBe(true);
    later.broker.purge();
    later.a.play(faults.disabled);
    later.b.play(faults.disabled);
    expect(await reasonOf(later.unwrap(envelope))).toBe("KEY_DISABLED");
  });

  test("a retired recipient counts as a member", async () => {
    const { setting, envelope } = await sealed();
    const later = await setting.restart([
      keyOf({ wrapTo: wrapTo.slice(0, 2), wrapNeeds: 2, unwrapNeeds: 2, unwrapOnly: wrapTo.slice(2) }),
    ]);
    later.a.play(on("unwrap", faults.throttle(60_000)));
    expect(await later.unwrap(envelope)).toHaveLength(32);
  });

  test("with fewer members listed than it takes, it is refused before anybody is asked", async () => {
    const { setting, envelope } = await sealed();
    const later = await setting.restart([keyOf({ wrapTo: wrapTo.slice(0, 1) })]);
    const before = counts(later);
    expect(await reasonOf(later.unwrap(envelope))).toBe("ENVELOPE_REFUSED");
    expect(counts(later)).toEqual(before);
  });
});

describe("a deep check of a quorum", () => {
  const check = ({ broker, key }: Setting, envelope: Uint8Array, hash = context) =>
    broker.check(key, decode(envelope), hash, true, scopeOf());
  const outcomes = (answer: Awaited<ReturnType<typeof check>>) => answer.recipients.map(({ reason }) => reason ?? "ok");

  test("proves each recipient's share, the spare's too", async () => {
    const { setting, envelope } = await sealed();
    const before = counts(setting);
    const answer = await check(setting, envelope);
    expect(answer).toMatchObject({ matches: true, trusted: true, rewrapDue: false });
    expect(outcomes(answer)).toEqual(["ok", "ok", "ok"]);
    expect(counts(setting)).toEqual(before.map((count) => count + 1));
  });

  test.each([
    ["a", 0],
    ["c", 2],
  ] as const)("finds the one that gives a wrong share: %s", async (liar, index) => {
    const { setting, envelope } = await sealed();
    lie(setting[liar]);
    const answer = await check(setting, envelope);
    expect(answer.matches).toBe(true);
    expect(outcomes(answer)).toEqual(["ok", "ok", "ok"].with(index, "ENVELOPE_REFUSED"));
  });

  test("says who is down while the others are enough, and throws when they are not", async () => {
    const { setting, envelope } = await sealed();
    setting.b.play(on("unwrap", faults.throttle(60_000)));
    expect(outcomes(await check(setting, envelope))).toEqual(["ok", "PROVIDER_UNAVAILABLE", "ok"]);
    setting.c.play(on("unwrap", faults.throttle(60_000)));
    expect(await reasonOf(check(setting, envelope))).toBe("PROVIDER_UNAVAILABLE");
  });

  test("names a provider that cannot name its master key", async () => {
    const { first, envelope } = await sealed();
    first.b.play(faults.throttle(60_000));
    const setting = await first.restart();
    const answer = await check(setting, envelope);
    expect(answer.matches).toBe(true);
    expect(answer.recipients[1]).toMatchObject({ provider: "b", matches: false, reason: "PROVIDER_UNAVAILABLE" });
  });

  test("with another context", async () => {
    const { setting, envelope } = await sealed();
    expect(await check(setting, envelope, otherContext)).toMatchObject({ matches: false, reason: "ENVELOPE_REFUSED" });
  });

  test("wipes every share", async () => {
    const { setting, envelope } = await sealed();
    await check(setting, envelope);
    const answered = [setting.a, setting.b, setting.c].flatMap((one) => one.answered);
    expect(answered.every((material) => material.every((byte) => byte === 0))).toBe(true);
  });
});
