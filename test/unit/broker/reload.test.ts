// Taking over at a reload, closing, and what a broker says of itself.

import { describe, expect, test, vi } from "vitest";
import { createBroker } from "../../../src/broker/index.ts";
import { decode } from "../../../src/envelope/index.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { createFaultyProvider, faults, on } from "../../fakes/faulty-provider.ts";
import { configurationOf, context, keyOf, reasonOf, recipient, scopeOf, settingOf, useFakeTime } from "./setting.ts";

useFakeTime();

/** Provider a with other settings. */
function changedProvider() {
  const { providers } = configurationOf([keyOf()]);
  return { providers: new Map(providers).set("a", { ...providers.get("a")!, digest: "changed" }) };
}

describe("a reload", () => {
  test("keeps providers whose settings did not change, and opens and closes the others", async () => {
    const setting = await settingOf();
    const later = await setting.reload(undefined, changedProvider());
    expect([setting.a.open(), setting.b.open()]).toEqual([2, 1]);
    await setting.broker.close(later.broker);
    expect([setting.a.open(), setting.b.open()]).toEqual([1, 1]);
    await later.broker.close();
    expect([setting.a.open(), setting.b.open()]).toEqual([0, 0]);
  });

  test("keeps the branch keys of an unchanged key", async () => {
    const setting = await settingOf();
    const envelope = await setting.wrap();
    const asked = setting.a.count("wrap") + setting.a.count("unwrap");
    const later = await setting.reload([keyOf()]);
    await setting.broker.close(later.broker);
    expect(decode(await later.wrap()).branchId).toEqual(decode(envelope).branchId);
    await later.unwrap(envelope);
    expect(setting.a.count("wrap") + setting.a.count("unwrap")).toBe(asked);
  });

  const changes: Record<string, Parameters<Awaited<ReturnType<typeof settingOf>>["reload"]>> = {
    "of a changed key": [[keyOf({ wrapTo: [recipient("a", "mk"), recipient("b", "mk")] })]],
    "of a changed provider": [[keyOf()], changedProvider()],
    "of another realm": [[keyOf()], { realm: "next", acceptRealms: ["prod"] }],
  };

  test.each(Object.entries(changes))("does not keep the branch keys %s", async (_, change) => {
    const setting = await settingOf();
    const first = await setting.wrap();
    const later = await setting.reload(...change);
    expect(decode(await later.wrap()).branchId).not.toEqual(decode(first).branchId);
  });

  test("calls in flight finish on the old broker, on a provider that is going away", async () => {
    const setting = await settingOf();
    const envelope = decode(await setting.wrap());
    setting.broker.purge();
    const gate = Promise.withResolvers<void>();
    setting.a.play(on("unwrap", async (_, answer) => (await gate.promise, answer())));
    const opened = setting.broker.unwrap(setting.key, envelope, context, scopeOf());
    const later = await setting.reload(undefined, changedProvider());
    const closed = setting.broker.close(later.broker);
    await vi.advanceTimersByTimeAsync(0);
    expect(setting.a.open()).toBe(2);
    gate.resolve();
    expect((await opened).dataKey).toHaveLength(32);
    await vi.advanceTimersByTimeAsync(10_000);
    await closed;
    expect(setting.a.open()).toBe(1);
  });

  test("a configuration that cannot be opened leaves the old broker as it was", async () => {
    const setting = await settingOf();
    const kinds = () => Promise.reject(new BrokerError("REQUEST_INVALID", "no such kind"));
    const configuration = configurationOf([keyOf()], changedProvider());
    await expect(createBroker({ configuration, kinds, previous: setting.broker })).rejects.toThrow("no such kind");
    expect([setting.a.open(), setting.b.open()]).toEqual([1, 1]);
    expect(await setting.unwrap(await setting.wrap())).toHaveLength(32);
  });

  test("a reference that the provider does not know is told before it is in force", async () => {
    const setting = await settingOf();
    setting.a.play(
      on("masterKey", () => {
        throw new BrokerError("REQUEST_INVALID", "no such version");
      }),
    );
    const reloaded = setting.reload([keyOf({ wrapTo: [recipient("a", "another")] })], changedProvider());
    await expect(reloaded).rejects.toThrow("no such version");
    expect(setting.a.open()).toBe(1);
  });

  test("a backend that is down does not keep a broker from starting", async () => {
    const a = createFaultyProvider("a", 200);
    a.play(on("masterKey", faults.hang));
    const configuration = configurationOf([keyOf()]);
    const broker = await createBroker({ configuration, kinds: () => Promise.resolve(a.kind) });
    expect(broker.providers()[0]).toMatchObject({ name: "a", reachable: false });
  });
});

describe("close", () => {
  test("refuses new calls, aborts those at a provider, and may be called twice", async () => {
    const setting = await settingOf();
    setting.a.play(on("wrap", faults.abortable));
    const wrapped = reasonOf(setting.wrap());
    await vi.advanceTimersByTimeAsync(0);
    await Promise.all([setting.broker.close(), setting.broker.close()]);
    expect(await wrapped).toBe("PROVIDER_UNAVAILABLE");
    expect(await reasonOf(setting.wrap())).toBe("DRAINING");
    expect([setting.a.open(), setting.b.open()]).toEqual([0, 0]);
  });
});

describe("what a broker says of itself", () => {
  test("keys, their recipients and their branch keys", async () => {
    const setting = await settingOf([keyOf({ formerNames: ["old"], unwrapOnly: [recipient("b", "older")] })]);
    await setting.wrap();
    await setting.wrap();
    expect(setting.broker.keys()).toEqual([
      {
        configuration: setting.key,
        recipients: [
          {
            provider: "a",
            kind: "a",
            masterKeyId: "mk",
            unwrapOnly: false,
            protection: undefined,
            wrapLimit: undefined,
          },
          {
            provider: "b",
            kind: "b",
            masterKeyId: "older",
            unwrapOnly: true,
            protection: undefined,
            wrapLimit: undefined,
          },
        ],
        branchKey: { createdAt: expect.any(Date) as Date, wraps: 2, recipients: 1 },
      },
    ]);
    expect(setting.broker.key("old")).toBe(setting.key);
    expect(setting.broker.key("backups/db")).toBe(setting.key);
    expect(setting.broker.key("toString")).toBeUndefined();
  });

  test("providers, and the outage that the latest call met", async () => {
    const setting = await settingOf();
    const { name, kind, reachable, error } = setting.broker.providers()[0]!;
    expect({ name, kind, reachable, error }).toEqual({ name: "a", kind: "a", reachable: true, error: undefined });
    setting.a.play(faults.throttle(60_000));
    await reasonOf(setting.wrap());
    expect(setting.broker.providers()[0]).toMatchObject({ reachable: false, error: "throttled" });
    setting.a.play(on("wrap", faults.disabled));
    vi.advanceTimersByTime(60_000);
    await reasonOf(setting.wrap());
    expect(setting.broker.providers()[0]).toMatchObject({ reachable: true });
  });
});
