// What a provider may do to us: whatever it is, no wrong data key comes out, nothing hangs, no storm begins.

import { describe, expect, test, vi } from "vitest";
import { decode } from "../../../src/envelope/index.ts";
import type { Unwrapped, Wrapped } from "../../../src/provider/index.ts";
import { altered, faults, on } from "../../fakes/faulty-provider.ts";
import type { Fault } from "../../fakes/faulty-provider.ts";
import { context, keyOf, reasonOf, recipient, scopeOf, settingOf, useFakeTime } from "./setting.ts";

useFakeTime();

/** What a backend may answer instead of the material that it was given. */
const lies: Record<string, (honest: Unwrapped) => unknown> = {
  "another key's answer": (honest) => ({ ...honest, material: Buffer.alloc(64, 9) }),
  "another share under the right binding": (honest) => {
    const material = Buffer.from(honest.material);
    material[0]! ^= 1;
    return { ...honest, material };
  },
  "the right share under another binding": (honest) => {
    const material = Buffer.from(honest.material);
    material[63]! ^= 1;
    return { ...honest, material };
  },
  "a short answer": (honest) => ({ ...honest, material: honest.material.subarray(0, 63) }),
  "the share alone": (honest) => ({ ...honest, material: honest.material.subarray(0, 32) }),
  "a long answer": (honest) => ({ ...honest, material: Buffer.concat([honest.material, Buffer.alloc(1)]) }),
  "an empty answer": (honest) => ({ ...honest, material: Buffer.alloc(0) }),
  "no material": () => ({ version: "v1", rewrapDue: false }),
  "a string": () => "material",
  nothing: () => undefined,
};

describe("a wrong data key never gets past the broker", () => {
  test.each(Object.entries(lies))("unwrapping: %s", async (_, lie) => {
    const setting = await settingOf();
    const envelope = await setting.wrap(Buffer.from("the true one"));
    const later = await setting.restart();
    later.a.play(altered("unwrap", lie));
    expect(await reasonOf(later.unwrap(envelope))).toMatch(/^(ENVELOPE_REFUSED|INTERNAL)$/);
    later.a.play(undefined);
    expect((await later.unwrap(envelope)).toString()).toBe("the true one");
  });

  test("a stale version that unwraps to older material is refused", async () => {
    const setting = await settingOf();
    await setting.wrap();
    const stale = Buffer.from(setting.a.answered[0]!.length ? Buffer.alloc(64, 1) : []);
    setting.broker.purge();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    later.a.play(altered<Unwrapped>("unwrap", () => ({ material: stale, version: "v0", rewrapDue: true })));
    expect(await reasonOf(later.unwrap(envelope))).toBe("ENVELOPE_REFUSED");
  });
});

describe("nothing is sealed under an unproven branch key", () => {
  test.each(Object.entries(lies))("proving: %s", async (_, lie) => {
    const setting = await settingOf();
    setting.a.play(altered("unwrap", lie));
    expect(await reasonOf(setting.wrap())).toBe("INTERNAL");
    expect(setting.broker.keys()[0]!.branchKey).toBeUndefined();
  });

  test("a blob that will not unwrap again", async () => {
    const setting = await settingOf();
    setting.a.play(altered<Wrapped>("wrap", (honest) => ({ ...honest, wrapped: Buffer.from("no ticket") })));
    await expect(setting.wrap()).rejects.toThrow("did not unwrap what it had just wrapped");
    expect(setting.broker.keys()[0]!.branchKey).toBeUndefined();
  });

  test("an outage between wrapping and proving", async () => {
    const setting = await settingOf();
    setting.a.play(on("unwrap", faults.throttle(60_000)));
    expect(await reasonOf(setting.wrap())).toBe("PROVIDER_UNAVAILABLE");
    expect(setting.broker.keys()[0]!.branchKey).toBeUndefined();
  });

  const malformed: Record<string, (honest: Wrapped) => unknown> = {
    "an empty blob": (honest) => ({ ...honest, wrapped: Buffer.alloc(0) }),
    "a blob over 2,048 bytes": (honest) => ({ ...honest, wrapped: Buffer.alloc(2_049) }),
    "a scheme that the kind does not know": (honest) => ({ ...honest, scheme: 2 }),
    "a version over 255 bytes": (honest) => ({ ...honest, version: "é".repeat(128) }),
    "no version": (honest) => ({ ...honest, version: undefined }),
    nothing: () => undefined,
  };

  test.each(Object.entries(malformed))("wrapping: %s", async (_, change) => {
    const setting = await settingOf();
    setting.a.play(altered("wrap", change));
    expect(await reasonOf(setting.wrap())).toBe("INTERNAL");
    expect(setting.a.count("unwrap")).toBe(0);
  });

  test("a recipient that lies is left out where wrapNeeds allows, and what is sealed opens without it", async () => {
    const setting = await settingOf([keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")], wrapNeeds: 1 })]);
    setting.a.play(altered("unwrap", lies["another key's answer"]!));
    const envelope = await setting.wrap();
    expect(decode(envelope).recipients.map(({ kind }) => kind)).toEqual([setting.b.kind.number]);
    const later = await setting.restart();
    const unsealed = await later.broker.unwrap(later.key, decode(envelope), context, scopeOf());
    expect(unsealed).toMatchObject({ rewrapDue: true });
  });

  test("too few recipients take it: nothing is sealed", async () => {
    const setting = await settingOf([keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")], wrapNeeds: 2 })]);
    setting.b.play(on("wrap", faults.throttle(60_000)));
    expect(await reasonOf(setting.wrap())).toBe("PROVIDER_UNAVAILABLE");
  });
});

describe("the broker never hangs beyond the deadline", () => {
  const hanging: Record<string, Fault> = { hangs: faults.hang, "answers late": faults.late, aborts: faults.abortable };

  test.each(Object.entries(hanging))("unwrapping through a provider that %s", async (_, fault) => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    const later = await setting.restart();
    later.a.play(on("unwrap", fault));
    const patient = reasonOf(later.broker.unwrap(later.key, envelope, context, scopeOf(60_000)));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await patient).toBe("PROVIDER_TIMEOUT");
  });

  test.each(Object.entries(hanging))("wrapping through a provider that %s", async (_, fault) => {
    const setting = await settingOf();
    setting.a.play(on("wrap", fault));
    const patient = reasonOf(setting.broker.wrap(setting.key, Buffer.alloc(32), context, scopeOf(60_000)));
    const hasty = reasonOf(setting.broker.wrap(setting.key, Buffer.alloc(32), context, scopeOf(100)));
    await vi.advanceTimersByTimeAsync(100);
    expect(await hasty).toBe("PROVIDER_TIMEOUT");
    await vi.advanceTimersByTimeAsync(4_900);
    expect(await patient).toBe("PROVIDER_TIMEOUT");
  });

  test.each(Object.entries(hanging))("naming the master key through a provider that %s", async (_, fault) => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    setting.a.play(on("masterKey", fault));
    const later = await setting.restart();
    const patient = reasonOf(later.broker.unwrap(later.key, envelope, context, scopeOf(60_000)));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await patient).toBe("PROVIDER_TIMEOUT");
  });

  test("a late answer is discarded and wiped, and never kept", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.late));
    const known = later.a.answered.length;
    const opened = reasonOf(later.unwrap(envelope));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await opened).toBe("PROVIDER_TIMEOUT");
    expect(later.a.answered.length).toBe(known + 1);
    expect(later.a.answered.every((material) => material.every((byte) => byte === 0))).toBe(true);
    later.a.play(on("unwrap", faults.throttle(60_000)));
    expect(await reasonOf(later.unwrap(envelope))).toBe("PROVIDER_UNAVAILABLE");
  });

  test("an outage of one recipient does not keep the other from opening", async () => {
    const setting = await settingOf([keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")] })]);
    const envelope = decode(await setting.wrap());
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.hang));
    const opened = later.broker.unwrap(later.key, envelope, context, scopeOf(60_000));
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await opened).dataKey).toHaveLength(32);
  });
});

describe("material is wiped", () => {
  test("by who unwrapped, once compared", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    await (await setting.restart()).unwrap(envelope);
    expect(setting.a.answered).toHaveLength(2);
    expect(setting.a.answered.every((material) => material.every((byte) => byte === 0))).toBe(true);
  });

  test("by who wrapped, and not before the provider's promise has settled", async () => {
    const setting = await settingOf();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("wrap", async (_, answer) => (await gate.promise, answer())));
    const wrapped = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await wrapped).toBe("PROVIDER_TIMEOUT");
    const { material } = setting.a.calls.find(({ operation }) => operation === "wrap")!;
    expect(material!.some((byte) => byte !== 0)).toBe(true);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(material!.every((byte) => byte === 0)).toBe(true);
  });
});

describe("a failing backend is never called in a storm", () => {
  /** Calls every 10 ms for `seconds`, each of an envelope with a branch key of its own. */
  async function flood(seconds: number, fault: Fault): Promise<number> {
    const setting = await settingOf([keyOf({ branchKey: { maxAgeMs: 3_600_000, maxWraps: 1, graceMs: 0 } })]);
    const envelopes = await Promise.all(Array.from({ length: 50 }, () => setting.wrap()));
    const later = await setting.restart();
    later.a.play(fault);
    const before = later.a.calls.length;
    const answers: Promise<string>[] = [];
    for (let passedMs = 0; passedMs < seconds * 1_000; passedMs += 10) {
      answers.push(reasonOf(later.unwrap(envelopes[(passedMs / 10) % envelopes.length]!)), reasonOf(later.wrap()));
      await vi.advanceTimersByTimeAsync(10);
    }
    await vi.advanceTimersByTimeAsync(10_000);
    const reasons = new Set(await Promise.all(answers));
    expect([...reasons].every((reason) => reason === "PROVIDER_UNAVAILABLE" || reason === "PROVIDER_TIMEOUT")).toBe(
      true,
    );
    return later.a.calls.length - before;
  }

  test("one that is down gets a call or two a second from three thousand callers in fifteen", async () => {
    expect(await flood(15, faults.down)).toBeLessThan(40);
  });

  test("one that throttles with a long hint likewise", async () => {
    expect(await flood(15, faults.throttle(30_000))).toBeLessThan(40);
  });

  test("and serves the first call after it is back", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    later.a.play(faults.throttle(30_000));
    const before = later.a.count("unwrap");
    for (let count = 0; count < 5; count++) await reasonOf(later.unwrap(envelope));
    expect(later.a.count("unwrap")).toBe(before + 5);
    later.a.play(undefined);
    const first = later.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await first).toHaveLength(32);
  });

  test("refusals by a working backend never stop others from being served", async () => {
    const setting = await settingOf([keyOf({ branchKey: { maxAgeMs: 60_000, maxWraps: 1, graceMs: 0 } })]);
    const [forged, honest] = [await setting.wrap(), await setting.wrap()];
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.refuse));
    for (let count = 0; count < 50; count++) expect(await reasonOf(later.unwrap(forged))).toBe("ENVELOPE_REFUSED");
    later.a.play(on("unwrap", faults.unmapped));
    for (let count = 0; count < 50; count++) expect(await reasonOf(later.unwrap(forged))).toBe("INTERNAL");
    later.a.play(undefined);
    expect(await later.unwrap(honest)).toHaveLength(32);
  });
});

describe("wraps under a key that cannot be wrapped for", () => {
  test("reach the backend once a pause, whatever the failure is", async () => {
    const setting = await settingOf();
    setting.a.play(on("wrap", faults.disabled));
    const reasons = Array.from({ length: 100 }, () => reasonOf(setting.wrap()));
    await vi.advanceTimersByTimeAsync(0);
    for (let passedMs = 0; passedMs < 10_000; passedMs += 10) {
      reasons.push(reasonOf(setting.wrap()));
      await vi.advanceTimersByTimeAsync(10);
    }
    await vi.advanceTimersByTimeAsync(5_000);
    expect(new Set(await Promise.all(reasons))).toEqual(new Set(["KEY_DISABLED"]));
    expect(setting.a.count("wrap")).toBeLessThan(25);
  });

  test("are served at the first call after it is enabled again", async () => {
    const setting = await settingOf();
    setting.a.play(faults.disabled);
    for (let count = 0; count < 5; count++) {
      const refused = reasonOf(setting.wrap());
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await refused).toBe("KEY_DISABLED");
    }
    setting.a.play(undefined);
    const first = setting.wrap();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await first).toBeInstanceOf(Uint8Array);
  });
});

describe("failures are told as what they are", () => {
  test("a disabled master key", async () => {
    const setting = await settingOf();
    setting.a.play(on("wrap", faults.disabled));
    expect(await reasonOf(setting.wrap())).toBe("KEY_DISABLED");
  });

  test("an error that the provider did not map is INTERNAL, and its words stay in the cause", async () => {
    const setting = await settingOf();
    setting.a.play(on("wrap", faults.unmapped));
    const error = await setting.wrap().catch((caught: Error) => caught);
    expect(error).toMatchObject({ reason: "INTERNAL", cause: expect.any(TypeError) as unknown });
    expect((error as Error).message).not.toContain("byte 17");
  });

  test("the backend's words of a refusal do not reach the caller", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    later.a.play(on("unwrap", faults.refuse));
    await expect(later.unwrap(envelope)).rejects.toThrow(/^(?!.*backend's own words)/);
  });

  test("the delay that the backend names", async () => {
    const setting = await settingOf();
    setting.a.play(on("wrap", faults.throttle(7_000)));
    await expect(setting.wrap()).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE", retryAfterMs: 7_000 });
  });

  test("errors mid-flight: a failure after some successes leaves the rest served", async () => {
    const setting = await settingOf();
    let calls = 0;
    setting.a.play(on("wrap", (_, answer) => (++calls === 1 ? faults.down() : answer())));
    const wrapped = setting.wrap();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await setting.unwrap(await wrapped)).toHaveLength(32);
    expect(calls).toBe(2);
  });
});
