// What doctor finds of providers that work, fail, lie and hang.

import { beforeEach, describe, expect, test } from "vitest";
import { BrokerError } from "../../../src/errors/index.ts";
import type { Finding, MasterKey, Notify, Provider, ProviderKind } from "../../../src/provider/index.ts";
import { createFaultyProvider, faults, on, type FaultyProvider } from "../../fakes/faulty-provider.ts";
import { examined, outcomes, theBad } from "./setting.ts";

let faulty: FaultyProvider;

beforeEach(() => (faulty = createFaultyProvider()));

const quick = { timeoutMs: 40 };

/** The kind, with more in each opened provider, or in each of its master keys. */
function extended(more: (provider: Provider, notify: Notify) => Partial<Provider>): ProviderKind {
  const open = async (settings: never, notify: Notify = () => {}) => {
    const provider = await faulty.kind.open(settings);
    return { ...provider, ...more(provider, notify) };
  };
  return { ...faulty.kind, open };
}

const withMasterKey = (more: (masterKey: MasterKey) => Partial<MasterKey>): ProviderKind =>
  extended((provider) => ({
    async masterKey(reference, signal) {
      const masterKey = await provider.masterKey(reference, signal);
      return { ...masterKey, ...more(masterKey) };
    },
  }));

const withExamination = (examine: (signal: AbortSignal) => AsyncIterable<Finding>): ProviderKind =>
  extended(() => ({ examine: (_references, signal) => examine(signal) }));

describe("a provider that works", () => {
  test("is opened, resolved, probed, and gives back what it wrapped", async () => {
    const found = await examined(faulty.kind);
    expect(outcomes(found)).toEqual(["good settings", "good master key", "good probe", "good round trip"]);
    expect(found[1]!.detail).toBe("m1, of backups/db");
    expect(found[3]!.detail).toMatch(/^64 bytes wrapped by version v1 to \d+ in \d+ ms, and unwrapped in \d+ ms$/);
    expect(faulty.open()).toBe(0);
  });

  test("gets its material wiped, and what it answered too", async () => {
    await examined(faulty.kind);
    const [wrap] = faulty.calls.filter(({ operation }) => operation === "wrap");
    expect(Buffer.from(wrap!.material!)).toEqual(Buffer.alloc(64));
    expect(faulty.answered).toEqual([Buffer.alloc(64)]);
  });

  test("is asked once for a master key that several keys use", async () => {
    const keys = "a: { wrapTo: [{ provider: p, id: m1 }] }, b: { wrapTo: [{ provider: p, id: m1 }] }";
    expect((await examined(faulty.kind, { keys }))[1]!.detail).toBe("m1, of a, b");
    expect(faulty.count("wrap")).toBe(1);
  });

  test("does not wrap with retired master keys", async () => {
    const keys = "a: { wrapTo: [{ provider: p, id: m1 }], unwrapOnly: [{ provider: p, id: m0 }] }";
    expect(outcomes(await examined(faulty.kind, { keys })).slice(-2)).toEqual(["good master key", "good probe"]);
    expect(faulty.calls.filter(({ operation }) => operation === "wrap").map((call) => call.masterKeyId)).toEqual([
      "m1",
    ]);
  });

  test("does not unwrap on a host that may only wrap", async () => {
    const keys = "a: { wrapTo: [{ provider: p, id: m1 }], verifyWrap: none }";
    expect((await examined(faulty.kind, { keys })).at(-1)!.detail).toContain("not unwrapped");
    expect(faulty.count("unwrap")).toBe(0);
  });

  test("tells what protects its master keys, and their versions", async () => {
    const kind = withMasterKey(() => ({
      protection: { level: "hsm", authenticated: false },
      versions: () => Promise.resolve([{ version: "3", state: "primary" }]),
    }));
    const notes = (await examined(kind)).filter(({ outcome }) => outcome === "note");
    expect(notes.map(({ detail }) => detail)).toEqual([expect.stringMatching(/^hsm; .*anybody/), "1, 3 wraps"]);
  });

  test("may keep its versions to itself: envelopes do not need them", async () => {
    const refuse = () => Promise.reject(new BrokerError("KEY_DISABLED", "may not list"));
    const found = await examined(withMasterKey(() => ({ versions: refuse })));
    expect(found.at(-1)).toMatchObject({ check: "versions", outcome: "note" });
    expect(found.at(-1)!.detail).toContain("may not list");
  });

  test("has other versions that unwrap: each is probed", async () => {
    const kind = withMasterKey((masterKey) => ({
      unwrapOnly: [{ ...masterKey, id: "old", probe: () => Promise.reject(new BrokerError("KEY_DISABLED", "is off")) }],
    }));
    const found = await examined(kind);
    expect(theBad(found)).toMatchObject({ check: "probe", detail: "old: is off" });
    expect(outcomes(found).at(-1)).toBe("good round trip");
  });
});

describe("a provider that fails", () => {
  const failing = [
    ["masterKey", "master key", 2],
    ["probe", "probe", 3],
    ["wrap", "round trip", 4],
    ["unwrap", "round trip", 4],
  ] as const;

  test.each(failing)("%s: what comes before is told, nothing after it is tried", async (operation, check, count) => {
    faulty.play(on(operation, faults.disabled));
    const found = await examined(faulty.kind);
    const detail = expect.stringContaining("m1: the master key is disabled") as string;
    expect(theBad(found)).toMatchObject({ check, detail, fault: "backend" });
    expect(found).toHaveLength(count);
    expect(faulty.open()).toBe(0);
  });

  test.each(failing)("%s that hangs is told in its time, and holds nothing up", async (operation, check) => {
    faulty.play(on(operation, faults.hang));
    const bad = theBad(await examined(faulty.kind, quick));
    expect(bad).toMatchObject({ check, fault: "backend" });
    expect(bad.detail).toContain("no answer within 0.04 s");
    expect(bad.fix).toContain("--timeout");
    expect(faulty.open()).toBe(0);
  });

  test("each master key is looked at by itself", async () => {
    const keys = "a: { wrapTo: [{ provider: p, id: m1 }] }, b: { wrapTo: [{ provider: p, id: m2 }] }";
    faulty.play((call, answer) => (call.masterKeyId === "m1" ? faults.down() : answer()));
    const found = await examined(faulty.kind, { keys });
    expect(theBad(found).detail).toBe("id m1: the backend is down");
    expect(outcomes(found).at(-1)).toBe("good round trip");
  });

  test.each([
    ["PROVIDER_UNAVAILABLE", "backend", "reaches it"],
    ["KEY_DISABLED", "backend", "permission"],
    ["REQUEST_INVALID", "configuration", "in the configuration"],
    ["ENVELOPE_REFUSED", "backend", "wrap nothing"],
    ["INTERNAL", "backend", "nobody foresaw"],
  ] as const)("%s is the %s's, with a fix of its own", async (reason, fault, words) => {
    faulty.play(() => {
      throw new BrokerError(reason, "no");
    });
    const bad = theBad(await examined(faulty.kind));
    expect(bad.fault).toBe(fault);
    expect(bad.fix).toContain(words);
    expect(bad.fix).toContain("providers/faulty/README.md");
  });

  test("other bytes than were wrapped are told, and wiped", async () => {
    const other = Buffer.alloc(64, 7);
    faulty.play(on("unwrap", () => ({ material: other, version: "v1", rewrapDue: false })));
    expect(theBad(await examined(faulty.kind)).detail).toBe("m1: other bytes came back than were wrapped");
    expect(other).toEqual(Buffer.alloc(64));
  });

  test("what comes after the time is wiped", async () => {
    faulty.play(on("unwrap", faults.late));
    theBad(await examined(faulty.kind, quick));
    await expect.poll(() => faulty.answered.map((answer) => answer.equals(Buffer.alloc(64)))).toEqual([true]);
  });

  test("of other people's errors name and code are told, of the system's the words, and never what they quote", async () => {
    const quoting = Object.assign(new Error("Received 'hunter2'"), { code: "ERR_HTTP_SECRET" });
    faulty.play(() => {
      throw new BrokerError("PROVIDER_UNAVAILABLE", "the backend cannot be reached", { cause: quoting });
    });
    const { detail } = theBad(await examined(faulty.kind));
    expect(detail).toContain("the backend cannot be reached: Error ERR_HTTP_SECRET");
    expect(detail).not.toContain("hunter2");
    const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:8200"), { code: "ECONNREFUSED" });
    faulty.play(() => {
      throw new BrokerError("PROVIDER_UNAVAILABLE", "down", { cause: refused });
    });
    expect(theBad(await examined(faulty.kind)).detail).toContain("down: connect ECONNREFUSED 127.0.0.1:8200");
  });

  test("one that does not open is told, and one that opens too late is closed", async () => {
    const refuse = () => Promise.reject(new BrokerError("REQUEST_INVALID", "the file pin is not there"));
    const found = await examined({ ...faulty.kind, open: refuse });
    expect(found).toHaveLength(1);
    expect(theBad(found)).toMatchObject({ check: "settings", fault: "configuration" });
    const opening = Promise.withResolvers<void>();
    const open = async (settings: never) => (await opening.promise, await faulty.kind.open(settings));
    theBad(await examined({ ...faulty.kind, open }, quick));
    opening.resolve();
    await expect.poll(() => faulty.open()).toBe(0);
  });
});

describe("a provider that examines itself", () => {
  const credentials: Finding = { check: "credentials", outcome: "good", detail: "valid for 1 h" };
  const clock: Finding = { check: "clock", outcome: "bad", detail: "an hour behind", fix: "timedatectl" };

  test("has its findings told first, and what is bad is the backend's", async () => {
    const found = await examined(
      withExamination(async function* () {
        yield await Promise.resolve(credentials);
        yield clock;
      }),
    );
    expect(outcomes(found).slice(0, 3)).toEqual(["good settings", "good credentials", "bad clock"]);
    expect(theBad(found)).toEqual({ ...clock, fault: "backend" });
    expect(outcomes(found).at(-1)).toBe("good round trip");
  });

  test("has them told as they come, and hears that nobody waits any more", async () => {
    let heard: AbortSignal | undefined;
    const found = await examined(
      withExamination(async function* (signal) {
        heard = signal;
        yield await Promise.resolve(credentials);
        await new Promise(() => {});
      }),
      quick,
    );
    expect(outcomes(found).slice(0, 3)).toEqual(["good settings", "good credentials", "bad examination"]);
    expect(heard!.aborted).toBe(true);
    expect(outcomes(found).at(-1)).toBe("good round trip");
  });

  test("and throws: that is a finding too", async () => {
    const found = await examined(
      withExamination(() => ({
        [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new TypeError("x")) }),
      })),
    );
    expect(theBad(found)).toMatchObject({ check: "examination", detail: "TypeError" });
  });

  test("what it notices meanwhile is told at the end", async () => {
    const kind = extended((_provider, notify) => {
      notify({ topic: "credential-life", level: "warning", message: "half over" });
      notify({ topic: "credential-renewal", level: "error", message: "refused" });
      return {};
    });
    const found = await examined(kind);
    expect(found.slice(-2)).toMatchObject([
      { check: "credential-life", outcome: "note", detail: "half over" },
      { check: "credential-renewal", outcome: "bad", detail: "refused", fault: "backend" },
    ]);
  });
});

test("an optional package that was not built is named, before anything needs it", async () => {
  const kind = { ...faulty.kind, kind: "pkcs11" };
  const packages = (name: string) =>
    name === "pkcs11js"
      ? Promise.reject(Object.assign(new Error("x"), { code: "MODULE_NOT_FOUND" }))
      : Promise.resolve();
  const found = await examined(kind, { packages });
  expect(outcomes(found).slice(0, 2)).toEqual(["bad package pkcs11js", "good package graphene-pk11"]);
  expect(theBad(found)).toMatchObject({ fault: "configuration" });
  expect(theBad(found).fix).toContain("npm rebuild pkcs11js");
});

test("each step is announced before it is waited for", async () => {
  const steps: string[] = [];
  await examined(faulty.kind, { step: (what) => void steps.push(what) });
  expect(steps).toEqual(["open", "master key id m1", "probe of m1", "round trip by m1"]);
});
