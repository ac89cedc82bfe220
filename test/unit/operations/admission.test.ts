import { describe, expect, test } from "vitest";
import { BrokerError, isBrokerError } from "../../../src/errors/index.ts";
import { check, generateDataKey, inspect, perform, rewrap, unwrap, wrap } from "../../../src/operations/index.ts";
import { fingerprint } from "../../../src/operations/recorded.ts";
import type { Bounds } from "../../../src/operations/index.ts";
import { fakeWorld } from "../../fakes/graph.ts";
import type { FakeWorld } from "../../fakes/graph.ts";

const bounds: Bounds = { deadlineMs: Infinity };
const context = { host: "db1" };
const plaintext = () => new TextEncoder().encode("0123456789abcdef");

/** Every operation with a key, by name. */
const calls = (world: FakeWorld, envelope: Uint8Array): Readonly<Record<string, () => Promise<object>>> => {
  const { service, graph, caller } = world;
  const opening = { envelope, context, key: "", grant: "" };
  return {
    wrap: () => perform(service, graph, caller, wrap, { key: "backups/old", plaintext: plaintext(), context }, bounds),
    generate: () =>
      perform(
        service,
        graph,
        caller,
        generateDataKey,
        { key: "backups/db", context, length: 0, withoutPlaintext: true },
        bounds,
      ),
    unwrap: () => perform(service, graph, caller, unwrap, opening, bounds),
    rewrap: () => perform(service, graph, caller, rewrap, opening, bounds),
    check: () => perform(service, graph, caller, check, { ...opening, deep: false }, bounds),
    inspect: () => perform(service, graph, caller, inspect, { envelope }, bounds),
  };
};

async function made(): Promise<{ world: FakeWorld; envelope: Uint8Array }> {
  const world = fakeWorld();
  const { envelope } = (await calls(world, new Uint8Array())["wrap"]!()) as { envelope: Uint8Array };
  world.events.length = 0;
  world.records.length = 0;
  return { world, envelope };
}

async function reasonOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isBrokerError(error) ? error.reason : undefined;
}

describe("a stop", () => {
  test.each([
    ["wrap", false],
    ["generate", false],
    ["inspect", false],
    ["unwrap", true],
    ["rewrap", true],
    ["check", true],
  ])("refuses what opens: %s %j", async (name, refused) => {
    const { world, envelope } = await made();
    world.refuse = (key) => {
      expect(key).toBe("backups/db");
      throw new BrokerError("KEY_STOPPED", "stopped");
    };
    expect(await reasonOf(calls(world, envelope)[name]!())).toBe(refused ? "KEY_STOPPED" : undefined);
    expect(world.events.filter((event) => event.startsWith("broker")).length > 0 && refused).toBe(false);
    expect(world.records.at(-1)).toMatchObject({ operation: name, outcome: refused ? "KEY_STOPPED" : "done" });
  });

  test("is not heard of by whoever may not unwrap, and costs no quota", async () => {
    const { world, envelope } = await made();
    const asked: string[] = [];
    world.refuse = () => {
      asked.push("stop");
      throw new BrokerError("KEY_STOPPED", "stopped");
    };
    world.charge = () => void asked.push("quota");
    expect(await reasonOf(calls(world, envelope)["unwrap"]!())).toBe("KEY_STOPPED");
    expect(asked).toEqual(["stop"]);
    world.allowed = ["wrap"];
    expect(await reasonOf(calls(world, envelope)["unwrap"]!())).toBe("DENIED");
    expect(asked).toEqual(["stop"]);
  });
});

describe("a quota", () => {
  test.each(["wrap", "generate", "inspect", "unwrap", "rewrap", "check"])(
    "is charged for %s, before the act",
    async (name) => {
      const { world, envelope } = await made();
      const charges: object[] = [];
      world.charge = (charge) => {
        charges.push(charge);
        world.events.push("quota");
      };
      await calls(world, envelope)[name]!();
      const brings = name === "wrap" || name === "generate" ? undefined : fingerprint(envelope);
      expect(charges).toEqual([{ identity: "alice", key: "backups/db", rule: 0, envelope: brings }]);
      expect(world.events[0]).toBe("quota");
    },
  );

  test("that is spent refuses before the act, and the refusal is on record", async () => {
    const { world, envelope } = await made();
    for (const charge of [
      () => {
        throw new BrokerError("QUOTA", "spent", { retryAfterMs: 5 });
      },
      () => Promise.reject(new BrokerError("QUOTA", "spent", { retryAfterMs: 5 })),
    ]) {
      world.charge = charge;
      expect(await reasonOf(calls(world, envelope)["unwrap"]!())).toBe("QUOTA");
    }
    expect(world.events).toEqual(["audit result", "audit result"]);
    expect(world.records).toMatchObject([{ outcome: "QUOTA" }, { outcome: "QUOTA" }]);
    expect(world.faults).toEqual([]);
  });

  test("is charged for calls that fail, and not for calls that are denied", async () => {
    const { world, envelope } = await made();
    let charges = 0;
    world.charge = () => void charges++;
    const { service, graph, caller } = world;
    const foreign = { envelope, context: { host: "other" }, key: "", grant: "" };
    expect(await reasonOf(perform(service, graph, caller, unwrap, foreign, bounds))).toBe("ENVELOPE_REFUSED");
    expect(charges).toBe(1);
    world.allowed = [];
    expect(await reasonOf(calls(world, envelope)["unwrap"]!())).toBe("DENIED");
    expect(charges).toBe(1);
  });

  test("of an identity within another is charged to both", async () => {
    const { world, envelope } = await made();
    const charged: string[] = [];
    world.charge = ({ identity }) => void charged.push(identity);
    const outer = { name: "socket", attributes: {} };
    const caller = { ...world.caller, identity: () => ({ name: "token", attributes: {}, within: outer }) };
    await perform(world.service, world.graph, caller, unwrap, { envelope, context, key: "", grant: "" }, bounds);
    expect(charged).toEqual(["token", "socket"]);
  });
});

describe("a provider's bound", () => {
  test("refuses the call before its attempt is recorded", async () => {
    const { world, envelope } = await made();
    world.beforeAnswer = (scope) => scope.beforeProvider();
    world.beforeProvider = (identity) => {
      expect(identity).toBe("alice");
      throw new BrokerError("QUOTA", "junk");
    };
    expect(await reasonOf(calls(world, envelope)["unwrap"]!())).toBe("QUOTA");
    expect(world.events).toEqual(["broker unwrap", "audit result"]);
  });

  test("hears of envelopes that were refused after a provider was asked, by unwrap, rewrap and check", async () => {
    const { world, envelope } = await made();
    world.beforeAnswer = async (scope) => {
      await scope.beforeProvider();
      throw new BrokerError("ENVELOPE_REFUSED", "junk");
    };
    for (const name of ["unwrap", "rewrap", "check"]) await calls(world, envelope)[name]!().catch(() => undefined);
    expect(world.refusedLoads).toEqual(["alice", "alice", "alice"]);
  });

  test("hears nothing of envelopes that no provider was asked for", async () => {
    const { world, envelope } = await made();
    world.beforeAnswer = () => Promise.reject(new BrokerError("ENVELOPE_REFUSED", "junk"));
    await calls(world, envelope)["unwrap"]!().catch(() => undefined);
    world.beforeAnswer = (scope) => scope.beforeProvider();
    await calls(world, envelope)["unwrap"]!();
    expect(world.refusedLoads).toEqual([]);
  });
});
