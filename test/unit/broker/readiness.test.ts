// Readiness: what a look at the providers finds, what it mends, and what a disabled master key takes with it.

import { describe, expect, test, vi } from "vitest";
import { silent } from "../../../src/broker/observer.ts";
import { decode } from "../../../src/envelope/index.ts";
import { createFaultyProvider, faults, on } from "../../fakes/faulty-provider.ts";
import type { Fault } from "../../fakes/faulty-provider.ts";
import { context, keyOf, reasonOf, recipient, scopeOf, settingOf, useFakeTime } from "./setting.ts";
import type { Setting } from "./setting.ts";

useFakeTime();

const both = keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")], wrapNeeds: 1 });

function states({ broker }: Setting): Record<string, string> {
  const said = ({ reachable, canWrap, canUnwrap }: ReturnType<typeof broker.providers>[number]) =>
    [reachable && "reachable", canWrap && "wraps", canUnwrap && "unwraps"].filter(Boolean).join(" ");
  return Object.fromEntries(broker.providers().map((provider) => [provider.name, said(provider)]));
}

async function probe({ broker }: Setting, ms = 10_000): Promise<void> {
  const probed = broker.probe();
  await vi.advanceTimersByTimeAsync(ms);
  await probed;
}

describe("readiness is split", () => {
  test("a provider that was found good and proven can do everything", async () => {
    const setting = await settingOf([both]);
    await probe(setting);
    expect(states(setting)).toEqual({ a: "reachable wraps unwraps", b: "reachable wraps unwraps" });
  });

  test("per provider: one that is down can do nothing, and the other is not touched by it", async () => {
    const setting = await settingOf([both]);
    await probe(setting);
    setting.b.play(faults.down);
    await probe(setting);
    expect(states(setting)).toEqual({ a: "reachable wraps unwraps", b: "" });
    expect(setting.broker.providers()[1]!.error).toBe("the backend is down");
  });

  test("a master key that is only unwrapped with need not wrap", async () => {
    const setting = await settingOf([keyOf({ unwrapOnly: [recipient("b", "old")] })]);
    setting.b.play(on("wrap", faults.disabled));
    await probe(setting);
    expect(states(setting)).toEqual({ a: "reachable wraps unwraps", b: "reachable wraps unwraps" });
  });

  test("a master key that wraps and will not unwrap again cannot wrap", async () => {
    const setting = await settingOf();
    setting.a.play(on("unwrap", faults.refuse));
    await probe(setting);
    expect(states(setting)["a"]).toBe("reachable");
  });

  test("a disabled master key shows with its reason, though the backend can be reached", async () => {
    const setting = await settingOf();
    setting.a.play(on("probe", faults.disabled));
    await probe(setting);
    expect(states(setting)["a"]).toBe("reachable");
    expect(setting.broker.providers()[0]!.error).toBe("the master key is disabled");
  });

  test("where wraps are not verified, a look is proof enough", async () => {
    const setting = await settingOf([keyOf({ verifyWrap: false })]);
    await probe(setting);
    expect(states(setting)["a"]).toBe("reachable wraps unwraps");
    expect([setting.a.count("wrap"), setting.a.count("unwrap")]).toEqual([0, 0]);
  });

  test("what is told survives a reload that keeps the provider", async () => {
    const setting = await settingOf();
    await probe(setting);
    const later = await setting.reload();
    expect(states(later)["a"]).toBe("reachable wraps unwraps");
  });
});

describe("a look at the providers", () => {
  test("asks each master key once, however many keys use it, and only reads", async () => {
    const keys = Array.from({ length: 40 }, (_, index) => keyOf({ name: `k/${index}` }));
    const setting = await settingOf(keys);
    await probe(setting);
    const before = setting.a.calls.length;
    await probe(setting);
    expect(setting.a.calls.slice(before).map(({ operation }) => operation)).toEqual(["probe"]);
  });

  test("proves a master key by the branch key that calls then use: nothing is wrapped in vain", async () => {
    const setting = await settingOf();
    await probe(setting);
    const envelope = await setting.wrap();
    await setting.unwrap(envelope);
    expect([setting.a.count("wrap"), setting.a.count("unwrap")]).toEqual([1, 1]);
  });

  test("looks at few at once, so that callers have their places", async () => {
    const keys = Array.from({ length: 30 }, (_, index) =>
      keyOf({ name: `k/${index}`, wrapTo: [recipient("a", `${index}`)] }),
    );
    const setting = await settingOf(keys);
    await vi.advanceTimersByTimeAsync(0);
    setting.a.play(on("probe", faults.hang));
    void setting.broker.probe();
    await vi.advanceTimersByTimeAsync(0);
    expect(setting.a.count("probe")).toBe(4);
  });

  test("leaves a provider alone that keeps failing, but for one trial", async () => {
    const keys = Array.from({ length: 30 }, (_, index) =>
      keyOf({ name: `k/${index}`, wrapTo: [recipient("a", `${index}`)] }),
    );
    const setting = await settingOf(keys);
    await vi.advanceTimersByTimeAsync(0);
    setting.a.play(faults.throttle(60_000));
    await probe(setting);
    const before = setting.a.calls.length;
    await probe(setting);
    expect(setting.a.calls.length - before).toBeLessThanOrEqual(4);
  });

  test("never rejects, whatever the providers do", async () => {
    const setting = await settingOf([both]);
    setting.a.play(faults.unmapped);
    setting.b.play(faults.hang);
    await probe(setting, 60_000);
  });
});

describe("starting degraded", () => {
  test("a provider that is down at the start heals by itself: it is asked again by each look", async () => {
    const a = createFaultyProvider("a", 200);
    const [b, c] = [createFaultyProvider("b", 201), createFaultyProvider("c", 202)];
    a.play(faults.down);
    const setting = await settingOf([keyOf()], { backends: { a, b, c } });
    await probe(setting);
    expect(states(setting)["a"]).toBe("");
    a.play(undefined);
    await probe(setting);
    expect(states(setting)["a"]).toBe("reachable wraps unwraps");
    expect(setting.broker.keys()[0]!.recipients[0]!.masterKeyId).toBe("mk");
  });

  test.each([1, 20])("the first call after the recovery succeeds, after %s failed calls", async (failed) => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    setting.a.play(faults.down);
    const later = await setting.restart();
    for (let count = 0; count < failed; count++) {
      const reasons = [reasonOf(later.unwrap(envelope)), reasonOf(later.wrap())];
      await vi.advanceTimersByTimeAsync(3_000);
      expect(await Promise.all(reasons)).toEqual(["PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE"]);
    }
    later.a.play(undefined);
    const calls = Promise.all([later.unwrap(envelope), later.wrap()]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await calls)[0]).toHaveLength(32);
  });

  test("also while a look hangs that began before the recovery", async () => {
    const setting = await settingOf();
    await vi.advanceTimersByTimeAsync(0);
    setting.a.play(on("probe", faults.hang));
    const looked = setting.broker.probe();
    await vi.advanceTimersByTimeAsync(4_000);
    setting.a.play(undefined);
    const first = setting.wrap();
    await vi.advanceTimersByTimeAsync(1_000);
    await looked;
    expect(await first).toBeInstanceOf(Uint8Array);
  });

  test("also while a call hangs that began before the recovery", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const later = await setting.restart();
    await vi.advanceTimersByTimeAsync(0);
    later.a.play(on("unwrap", faults.hang));
    const hung = reasonOf(later.unwrap(envelope));
    await vi.advanceTimersByTimeAsync(4_000);
    later.a.play(undefined);
    const first = later.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await hung).toBe("PROVIDER_TIMEOUT");
    expect(await first).toHaveLength(32);
  });
});

describe("a master key that was never proven does not wrap", () => {
  test("nothing is handed to a backend that a look finds fault with", async () => {
    const setting = await settingOf();
    setting.a.play(on("probe", faults.refuse));
    expect(await reasonOf(setting.wrap())).toBe("INTERNAL");
    expect(setting.a.count("wrap")).toBe(0);
  });

  test("nor to one that cannot be looked at", async () => {
    const setting = await settingOf();
    setting.a.play(on("probe", faults.throttle(60_000)));
    expect(await reasonOf(setting.wrap())).toBe("PROVIDER_UNAVAILABLE");
    expect(setting.a.count("wrap")).toBe(0);
  });

  test("one that failed its proof is looked at again before it wraps", async () => {
    const setting = await settingOf();
    setting.a.play(on("unwrap", faults.refuse));
    expect(await reasonOf(setting.wrap())).toBe("INTERNAL");
    setting.a.play(undefined);
    const before = setting.a.count("probe");
    const wrapped = setting.wrap();
    await vi.advanceTimersByTimeAsync(1_000);
    await wrapped;
    expect(setting.a.count("probe")).toBe(before + 1);
  });

  test("on a host that may only encrypt there is no proof, and it wraps", async () => {
    const setting = await settingOf([keyOf({ verifyWrap: false })]);
    setting.a.play(on("probe", faults.disabled));
    expect(await setting.wrap()).toBeInstanceOf(Uint8Array);
  });
});

describe("a master key that says that it is disabled", () => {
  async function used() {
    const purged: string[] = [];
    const observer = { ...silent, purged: (key: string, provider: string) => void purged.push(`${key} ${provider}`) };
    const setting = await settingOf([both], { observer });
    const envelope = await setting.wrap();
    const { branchId } = decode(envelope);
    return { setting, envelope, branchId, purged };
  }

  test("in a look purges the key's branch keys, sealing and cached, at once", async () => {
    const { setting, envelope, branchId, purged } = await used();
    setting.a.play(on("probe", faults.disabled));
    await setting.broker.probe();
    expect(purged).toEqual(["backups/db a"]);
    const asked = setting.a.count("unwrap") + setting.b.count("unwrap");
    await setting.unwrap(envelope);
    expect(setting.a.count("unwrap") + setting.b.count("unwrap")).toBe(asked + 1);
    expect(decode(await setting.wrap()).branchId).not.toEqual(branchId);
  });

  const calls: Record<string, (setting: Setting) => Promise<unknown>> = {
    wrap: async (setting) => {
      vi.advanceTimersByTime(3_600_000);
      await setting.wrap();
    },
    unwrap: async (setting) => {
      const { broker, key } = setting;
      const envelope = decode(await setting.wrap());
      await broker.check(key, envelope, context, true, scopeOf());
    },
  };

  test.each(Object.entries(calls))("in a call to %s does so too", async (operation, call) => {
    const { setting, purged } = await used();
    setting.a.play(on(operation as "wrap" | "unwrap", faults.disabled));
    await call(setting);
    expect(purged).toEqual(["backups/db a"]);
    expect(setting.broker.keys()[0]!.branchKey?.recipients).not.toBe(2);
  });

  const passing: Record<string, Fault> = {
    "an outage": faults.down,
    "a hang": faults.hang,
    "an error": faults.unmapped,
    throttling: faults.throttle(60_000),
  };

  test.each(Object.entries(passing))("%s purges nothing", async (_, fault) => {
    const { setting, branchId, purged } = await used();
    setting.a.play(fault);
    await probe(setting);
    expect(purged).toEqual([]);
    expect(decode(await setting.wrap()).branchId).toEqual(branchId);
  });

  test("keeps nothing that was being loaded when it said so", async () => {
    const { setting, envelope } = await used();
    setting.broker.purge();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    const opened = setting.unwrap(envelope);
    await vi.advanceTimersByTimeAsync(0);
    setting.b.play(on("probe", faults.disabled));
    const looked = setting.broker.probe();
    await vi.advanceTimersByTimeAsync(0);
    gate.resolve();
    await Promise.all([opened, looked]);
    const before = setting.a.count("unwrap");
    setting.a.play(undefined);
    await setting.unwrap(envelope);
    expect(setting.a.count("unwrap")).toBe(before + 1);
  });

  test("neither seals nor hands out a branch key that was being made for it", async () => {
    const setting = await settingOf();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    const wrapped = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(0);
    setting.a.play(on("probe", faults.disabled));
    await setting.broker.probe();
    gate.resolve();
    expect(await wrapped).toBe("PROVIDER_UNAVAILABLE");
    expect(setting.broker.keys()[0]!.branchKey).toBeUndefined();
  });

  test("once for an old version whose envelopes keep coming: they are no way to empty the cache", async () => {
    const { setting, purged } = await used();
    setting.a.play(on("unwrap", faults.disabled));
    for (let count = 0; count < 10; count++) {
      const envelope = decode(await setting.wrap());
      await setting.broker.check(setting.key, envelope, context, true, scopeOf());
      vi.advanceTimersByTime(1_000);
    }
    expect(purged.length).toBe(1);
  });

  test("serves again once it is enabled, without a restart", async () => {
    const { setting } = await used();
    setting.a.play(faults.disabled);
    await setting.broker.probe();
    expect(states(setting)["a"]).toBe("reachable");
    setting.a.play(undefined);
    await setting.broker.probe();
    expect(states(setting)["a"]).toBe("reachable wraps unwraps");
    expect(decode(await setting.wrap()).recipients).toHaveLength(2);
  });
});

describe("a bound on wraps", () => {
  const strict = keyOf({ branchKey: { maxAgeMs: 3_600_000, maxWraps: 1, graceMs: 0 } });

  test("is spoken of at four fifths, once, and kept", async () => {
    const warned: number[] = [];
    const observer = { ...silent, wrapLimit: (_: string, __: string, wraps: number) => void warned.push(wraps) };
    const a = createFaultyProvider("a", 200);
    a.wrapLimit = 10;
    const backends = { a, b: createFaultyProvider("b", 201), c: createFaultyProvider("c", 202) };
    const setting = await settingOf([strict], { observer, backends });
    for (let count = 0; count < 10; count++) await setting.wrap();
    expect(warned).toEqual([8]);
    await expect(setting.wrap()).rejects.toThrow("has wrapped 10 times, which is its limit: rotate it");
    expect(a.count("wrap")).toBe(10);
  });

  test("counts anew under a new version", async () => {
    const a = createFaultyProvider("a", 200);
    a.wrapLimit = 3;
    const setting = await settingOf([strict], {
      backends: { a, b: createFaultyProvider("b", 201), c: createFaultyProvider("c", 202) },
    });
    await setting.wrap();
    await setting.wrap();
    a.version = "v2";
    for (let count = 0; count < 3; count++) await setting.wrap();
    expect(await reasonOf(setting.wrap())).toBe("KEY_DISABLED");
  });
});

describe("versions of a master key", () => {
  const address = (setting: Setting, masterKeyId = "mk") => ({ key: setting.key, provider: "a", masterKeyId });

  async function versioned() {
    const setting = await settingOf();
    setting.a.hasVersions = true;
    const later = await setting.restart();
    await later.wrap();
    return later;
  }

  test("are listed, told to the audit before", async () => {
    const setting = await versioned();
    const scope = scopeOf();
    expect(await setting.broker.versions(address(setting), scope)).toEqual([{ version: "v1", state: "primary" }]);
    expect(scope.attempts).toBe(1);
  });

  test("a rotation is used by the next wrap, and asked for once", async () => {
    const setting = await versioned();
    expect(await setting.broker.rotate(address(setting), scopeOf())).toBe("v1+");
    expect(decode(await setting.wrap()).recipients[0]!.version).toBe("v1+");
    setting.a.play(on("rotate", faults.down));
    expect(await reasonOf(setting.broker.rotate(address(setting), scopeOf()))).toBe("PROVIDER_UNAVAILABLE");
    expect(setting.a.count("rotate")).toBe(2);
  });

  test("another state forgets the key's branch keys, also when nobody knows whether it was set", async () => {
    const setting = await versioned();
    const { branchId } = decode(await setting.wrap());
    setting.a.play(on("setVersionState", faults.hang));
    const changed = reasonOf(setting.broker.setVersionState(address(setting), "v1", "disabled", scopeOf(1_000)));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await changed).toBe("PROVIDER_TIMEOUT");
    expect(decode(await setting.wrap()).branchId).not.toEqual(branchId);
  });

  test("what the backend refuses, or cannot do, or is not the key's, is REQUEST_INVALID", async () => {
    const setting = await versioned();
    const { broker } = setting;
    expect(await reasonOf(broker.setVersionState(address(setting), "v9", "disabled", scopeOf()))).toBe(
      "REQUEST_INVALID",
    );
    expect(await reasonOf(broker.versions(address(setting, "other"), scopeOf()))).toBe("REQUEST_INVALID");
    setting.a.hasVersions = false;
    const plain = await setting.restart();
    await plain.wrap();
    expect(await reasonOf(plain.broker.rotate(address(plain), scopeOf()))).toBe("REQUEST_INVALID");
  });

  test("whether a change can be made is known without asking the backend", async () => {
    const setting = await versioned();
    const before = setting.a.calls.length;
    for (const change of ["rotate", "setVersionState"] as const) {
      expect(() => setting.broker.checkAble(address(setting), change)).not.toThrow();
      expect(() => setting.broker.checkAble(address(setting, "other"), change)).toThrow("no master key other");
    }
    expect(setting.a.calls).toHaveLength(before);
    setting.a.hasVersions = false;
    const plain = await setting.restart();
    await plain.wrap();
    expect(() => plain.broker.checkAble(address(plain), "rotate")).toThrow("cannot have mk be rotated");
    expect(() => plain.broker.checkAble(address(plain), "setVersionState")).toThrow("change a version's state");
  });
});

test("what a provider tells between calls reaches the observer with its name", async () => {
  const told: unknown[] = [];
  const observer = { ...silent, notice: (...notice: unknown[]) => void told.push(notice) };
  const setting = await settingOf(undefined, { observer });
  const notice = { topic: "credential-life", level: "warning", message: "half of its life is over" } as const;
  setting.a.notify(notice);
  expect(told).toEqual([["a", notice]]);
});
