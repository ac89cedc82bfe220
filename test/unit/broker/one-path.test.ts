// The rules of the one path that every wrap and unwrap takes, each under its name.

import { describe, expect, test, vi } from "vitest";
import { decode } from "../../../src/envelope/index.ts";
import { faults, on } from "../../fakes/faulty-provider.ts";
import { context, keyOf, otherContext, reasonOf, recipient, scopeOf, settingOf, useFakeTime } from "./setting.ts";

useFakeTime();

const twoRecipients = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")], wrapNeeds: 2 });

describe("every envelope carries a branch key wrapped by the key's recipients", () => {
  test("what was wrapped unwraps, here and after a restart", async () => {
    const setting = await settingOf();
    const dataKey = Buffer.from("a data key");
    const envelope = await setting.wrap(dataKey);
    expect(await setting.unwrap(envelope)).toEqual(dataKey);
    expect(await (await setting.restart()).unwrap(envelope)).toEqual(dataKey);
  });

  test("a provider wraps 64 bytes and is asked once, however many data keys are wrapped", async () => {
    const setting = await settingOf();
    const sizes: number[] = [];
    setting.a.play(on("wrap", ({ material }, answer) => (sizes.push(material!.length), answer())));
    for (let count = 0; count < 20; count++) await setting.wrap();
    expect(sizes).toEqual([64]);
  });

  test("any recipient of an envelope opens it", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = await setting.wrap();
    const { a, b, ...later } = await setting.restart();
    a.play(faults.down);
    const opened = later.unwrap(envelope);
    await vi.runAllTimersAsync();
    expect(await opened).toHaveLength(32);
    expect(b.count("unwrap")).toBeGreaterThan(0);
  });

  test("recipients are asked in the configuration's order, not the envelope's", async () => {
    const setting = await settingOf([twoRecipients]);
    const envelope = await setting.wrap();
    const later = await setting.restart([keyOf({ wrapTo: [recipient("b", "mk"), recipient("a", "mk")] })]);
    const asked = later.a.count("unwrap");
    await later.unwrap(envelope);
    expect(later.a.count("unwrap")).toBe(asked);
  });
});

describe("branchKey decides reuse", () => {
  test("a branch key is replaced at maxAge", async () => {
    const setting = await settingOf([keyOf({ branchKey: { maxAgeMs: 1_000, maxWraps: 100, graceMs: 0 } })]);
    const first = await setting.wrap();
    vi.advanceTimersByTime(999);
    expect(decode(await setting.wrap()).branchId).toEqual(decode(first).branchId);
    vi.advanceTimersByTime(1);
    expect(decode(await setting.wrap()).branchId).not.toEqual(decode(first).branchId);
  });

  test("a branch key seals maxWraps times and no more, also under concurrency", async () => {
    const setting = await settingOf([keyOf({ branchKey: { maxAgeMs: 60_000, maxWraps: 3, graceMs: 60_000 } })]);
    const envelopes = await Promise.all(Array.from({ length: 10 }, () => setting.wrap()));
    const counts = Map.groupBy(envelopes, (envelope) => decode(envelope).branchId.join());
    expect([...counts.values()].map((sealed) => sealed.length).sort()).toEqual([1, 3, 3, 3]);
  });

  test("maxWraps 1 is a provider call per wrap", async () => {
    const setting = await settingOf([keyOf({ branchKey: { maxAgeMs: 60_000, maxWraps: 1, graceMs: 0 } })]);
    await Promise.all([setting.wrap(), setting.wrap(), setting.wrap()]);
    await setting.wrap();
    expect(setting.a.count("wrap")).toBe(4);
  });
});

describe("the unwrap cache is bounded", () => {
  test("an entry lives at most maxAge from loading, however often it is used", async () => {
    const setting = await settingOf([keyOf({ unwrapCache: { maxAgeMs: 1_000, maxEntries: 10 } })]);
    const envelope = await setting.wrap();
    const later = await setting.restart();
    const asked = later.a.count("unwrap");
    for (let passed = 0; passed < 1_000; passed += 100) {
      await later.unwrap(envelope);
      vi.advanceTimersByTime(100);
    }
    expect(later.a.count("unwrap")).toBe(asked + 1);
    await later.unwrap(envelope);
    expect(later.a.count("unwrap")).toBe(asked + 2);
  });

  test("unwrapCache none sends every unwrap to the provider, also concurrent ones", async () => {
    const setting = await settingOf([keyOf({ unwrapCache: { maxAgeMs: 0, maxEntries: 0 } })]);
    const envelope = await setting.wrap();
    const asked = setting.a.count("unwrap");
    await Promise.all([setting.unwrap(envelope), setting.unwrap(envelope)]);
    await setting.unwrap(envelope);
    expect(setting.a.count("unwrap")).toBe(asked + 3);
  });

  test("the least recently used entry leaves first", async () => {
    const key = keyOf({
      branchKey: { maxAgeMs: 60_000, maxWraps: 1, graceMs: 0 },
      unwrapCache: { maxAgeMs: 60_000, maxEntries: 2 },
    });
    const setting = await settingOf([key]);
    const [one, two, three] = [await setting.wrap(), await setting.wrap(), await setting.wrap()];
    const later = await setting.restart();
    for (const envelope of [one, two, one, three]) await later.unwrap(envelope);
    const asked = later.a.count("unwrap");
    await later.unwrap(one);
    expect(later.a.count("unwrap")).toBe(asked);
    await later.unwrap(two);
    expect(later.a.count("unwrap")).toBe(asked + 1);
  });

  test("it is hit only if the whole branch header is equal byte for byte", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const asked = setting.a.count("unwrap");
    const { branchHeader } = decode(envelope);
    for (let index = 0; index < branchHeader.length; index++) {
      const changed = Buffer.from(envelope);
      changed[index]! ^= 1;
      const opened = Promise.resolve(changed).then((bytes) => setting.unwrap(bytes));
      expect(await reasonOf(opened), `byte ${index}`).toBe("ENVELOPE_REFUSED");
    }
    await setting.unwrap(envelope);
    // The changed headers went to the provider or were refused; the true one is still served from the cache.
    const after = setting.a.count("unwrap");
    await setting.unwrap(envelope);
    expect(setting.a.count("unwrap")).toBe(after);
    expect(after).toBeGreaterThan(asked);
  });
});

describe("wrap proves unwrap", () => {
  test("every recipient unwraps its blob again before anything is sealed", async () => {
    const setting = await settingOf([twoRecipients]);
    await setting.wrap();
    expect([setting.a.count("unwrap"), setting.b.count("unwrap")]).toEqual([1, 1]);
  });

  test("what was proven serves unwraps without another provider call", async () => {
    const setting = await settingOf();
    await setting.unwrap(await setting.wrap());
    expect(setting.a.count("unwrap")).toBe(1);
  });

  test("verifyWrap none neither proves nor lets the maker unwrap without the provider", async () => {
    const setting = await settingOf([keyOf({ verifyWrap: false })]);
    const envelope = await setting.wrap();
    expect(setting.a.count("unwrap")).toBe(0);
    await setting.unwrap(envelope);
    expect(setting.a.count("unwrap")).toBe(1);
  });
});

describe("only the process that made a branch key seals with it", () => {
  test("one that came by unwrapping never seals", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    await later.unwrap(envelope);
    const next = await later.wrap();
    expect(decode(next).branchId).not.toEqual(decode(envelope).branchId);
  });

  test("rewrap seals anew under a current branch key and carries the context over", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap(Buffer.from("carried"));
    const later = await setting.restart();
    const next = await later.broker.rewrap(later.key, decode(envelope), scopeOf());
    expect(decode(next).branchId).not.toEqual(decode(envelope).branchId);
    expect((await later.unwrap(next)).toString()).toBe("carried");
    expect(await reasonOf(later.unwrap(next, otherContext))).toBe("ENVELOPE_REFUSED");
  });
});

describe("purge means purge", () => {
  test("a load begun before it is neither cached nor answered", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    const gate = Promise.withResolvers<void>();
    later.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    const opened = reasonOf(later.unwrap(envelope));
    await vi.advanceTimersByTimeAsync(0);
    later.broker.purge(later.key);
    gate.resolve();
    expect(await opened).toBe("PROVIDER_UNAVAILABLE");
    const asked = later.a.count("unwrap");
    await later.unwrap(envelope);
    expect(later.a.count("unwrap")).toBe(asked + 1);
  });

  test("a load begun before it is joined by nobody", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    const gate = Promise.withResolvers<void>();
    later.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    const before = reasonOf(later.unwrap(envelope));
    await vi.advanceTimersByTimeAsync(0);
    later.broker.purge(later.key);
    const after = later.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(0);
    gate.resolve();
    expect(await before).toBe("PROVIDER_UNAVAILABLE");
    expect(await after).toHaveLength(32);
  });

  test("a branch key in the making when it came is neither kept nor used", async () => {
    const setting = await settingOf();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("wrap", async (_, answer) => (await gate.promise, answer())));
    const wrapped = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(0);
    setting.broker.purge();
    gate.resolve();
    expect(await wrapped).toBe("PROVIDER_UNAVAILABLE");
    expect(setting.broker.keys()[0]!.branchKey).toBeUndefined();
    const envelope = await setting.wrap();
    expect(setting.a.count("wrap")).toBe(2);
    expect(await setting.unwrap(envelope)).toHaveLength(32);
  });

  test("after it the next unwrap asks the provider and the next wrap makes a new branch key", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    setting.broker.purge(setting.key);
    const next = await setting.wrap();
    expect(decode(next).branchId).not.toEqual(decode(envelope).branchId);
    const asked = setting.a.count("unwrap");
    await setting.unwrap(envelope);
    expect(setting.a.count("unwrap")).toBe(asked + 1);
  });
});

describe("concurrent unwraps of one branch key share one provider call", () => {
  test("a hundred callers, one call, and each told the audit first", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart();
    const asked = later.a.count("unwrap");
    const scopes = Array.from({ length: 100 }, () => scopeOf());
    await Promise.all(scopes.map(async (scope) => later.broker.unwrap(later.key, envelope, context, scope)));
    expect(later.a.count("unwrap")).toBe(asked + 1);
    expect(scopes.every(({ attempts }) => attempts === 1)).toBe(true);
  });

  test("one caller's abort never cancels another's load", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart();
    const gate = Promise.withResolvers<void>();
    let signal: AbortSignal | undefined;
    later.a.play(on("unwrap", async (call, answer) => ((signal = call.signal), await gate.promise, answer())));
    const leaving = scopeOf();
    const left = reasonOf(later.broker.unwrap(later.key, envelope, context, leaving));
    const staying = later.broker.unwrap(later.key, envelope, context, scopeOf());
    await vi.advanceTimersByTimeAsync(0);
    leaving.cancel();
    expect(await left).toBe("PROVIDER_TIMEOUT");
    expect(signal?.aborted).toBe(false);
    gate.resolve();
    expect((await staying).dataKey).toHaveLength(32);
  });

  test("a load outlives the request whose bytes it began with", async () => {
    const setting = await settingOf([twoRecipients]);
    const bytes = await setting.wrap();
    const later = await setting.restart();
    const gate = Promise.withResolvers<void>();
    later.a.play(on("unwrap", async () => (await gate.promise, faults.refuse())));
    const request = Buffer.from(bytes);
    const leaving = scopeOf();
    const left = reasonOf(later.broker.unwrap(later.key, decode(request), context, leaving));
    await vi.advanceTimersByTimeAsync(0);
    leaving.cancel();
    await left;
    request.fill(0);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    const asked = later.b.count("unwrap");
    expect(await later.unwrap(bytes)).toHaveLength(32);
    expect(later.b.count("unwrap")).toBe(asked);
  });

  test("a caller whose deadline passes is answered at once, and the load serves the next", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart();
    const gate = Promise.withResolvers<void>();
    later.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    const hasty = reasonOf(later.broker.unwrap(later.key, envelope, context, scopeOf(50)));
    await vi.advanceTimersByTimeAsync(50);
    expect(await hasty).toBe("PROVIDER_TIMEOUT");
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    const asked = later.a.count("unwrap");
    await later.broker.unwrap(later.key, envelope, context, scopeOf(50));
    expect(later.a.count("unwrap")).toBe(asked);
  });
});

describe("a call that reaches a provider says so before", () => {
  test("a cached unwrap and a live branch key say nothing", async () => {
    const setting = await settingOf();
    const first = scopeOf();
    const envelope = await setting.broker.wrap(setting.key, Buffer.alloc(32), context, first);
    const second = scopeOf();
    await setting.broker.wrap(setting.key, Buffer.alloc(32), context, second);
    await setting.broker.unwrap(setting.key, decode(envelope), context, second);
    expect([first.attempts, second.attempts]).toEqual([1, 0]);
  });

  test("no provider is asked when the audit cannot be told", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart();
    const before = later.a.calls.length;
    const scope = { ...scopeOf(), beforeProvider: () => Promise.reject(new Error("the disk is full")) };
    await expect(later.broker.unwrap(later.key, envelope, context, scope)).rejects.toThrow("the disk is full");
    await expect(later.broker.wrap(later.key, Buffer.alloc(32), context, scope)).rejects.toThrow("the disk is full");
    expect(later.a.calls.length).toBe(before);
  });
});
