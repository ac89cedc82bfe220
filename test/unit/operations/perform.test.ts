import { describe, expect, test } from "vitest";
import { perform, unwrap, wrap, generateDataKey, rewrap, check, inspect } from "../../../src/operations/index.ts";
import type { Bounds } from "../../../src/operations/index.ts";
import { isBrokerError } from "../../../src/errors/index.ts";
import type { BrokerError, Reason } from "../../../src/errors/index.ts";
import { decode } from "../../../src/envelope/index.ts";
import { fingerprint } from "../../../src/operations/recorded.ts";
import { fakeWorld } from "../../fakes/graph.ts";
import type { FakeWorld } from "../../fakes/graph.ts";

const bounds: Bounds = { deadlineMs: Infinity };
const context = { host: "db1" };
const wrapping = { key: "backups/db", plaintext: new TextEncoder().encode("0123456789abcdef"), context };

const wrapIn = (world: FakeWorld, request = wrapping) =>
  perform(world.service, world.graph, world.caller, wrap, request, bounds);
const unwrapIn = (
  world: FakeWorld,
  envelope: Uint8Array,
  more: { context?: Record<string, string>; key?: string } = {},
) => perform(world.service, world.graph, world.caller, unwrap, { envelope, context, key: "", ...more }, bounds);

async function refusal(promise: Promise<unknown>): Promise<BrokerError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isBrokerError(error)) throw new Error(`expected a BrokerError, got ${String(error)}`);
  return error;
}

const reasonOf = async (promise: Promise<unknown>): Promise<Reason> => (await refusal(promise)).reason;

describe("the order of a call", () => {
  test("a call answered from cached branch keys has one record, written before the answer", async () => {
    const world = fakeWorld();
    await wrapIn(world);
    expect(world.events).toEqual(["broker wrap", "audit result"]);
    expect(world.records[0]).toMatchObject({
      identity: "alice",
      operation: "wrap",
      key: "backups/db",
      outcome: "done",
    });
  });

  test("a record says what the call was about, who let it, and how long it took", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    await unwrapIn(world, envelope);
    const header = decode(envelope);
    const facts = {
      branch: Buffer.from(header.branchId).toString("hex"),
      masterKeys: header.recipients.map(({ masterKeyId }) => masterKeyId),
      envelope: fingerprint(envelope),
      contextNames: ["host"],
      context: { host: "db1" },
      decision: "allowed",
      rule: 0,
    };
    expect(world.records).toEqual([
      expect.objectContaining({ operation: "wrap", ...facts }),
      expect.objectContaining({ operation: "unwrap", ...facts }),
    ]);
    for (const { durationUs } of world.records) expect(durationUs).toBeGreaterThanOrEqual(0);
  });

  test("a record of a denial says so, and names no rule", async () => {
    const world = fakeWorld();
    await refusal(wrapIn(world, { ...wrapping, key: "backups/other" }));
    expect(world.records).toEqual([
      expect.objectContaining({ key: "backups/other", decision: "denied", rule: undefined, outcome: "DENIED" }),
    ]);
  });

  test("a call that reaches a provider has a record before it and one after", async () => {
    const world = fakeWorld();
    world.beforeAnswer = async (scope) => {
      await scope.beforeProvider();
      world.events.push("provider");
    };
    await wrapIn(world);
    expect(world.events).toEqual(["broker wrap", "audit attempt", "provider", "audit result"]);
    expect(world.records[0]!.call).toBe(world.records[1]!.call);
    expect(world.records[0]!.outcome).toBeUndefined();
  });

  test("when the attempt cannot be recorded, no provider is reached", async () => {
    const world = fakeWorld();
    world.auditFails = true;
    world.beforeAnswer = async (scope) => {
      await scope.beforeProvider();
      world.events.push("provider");
    };
    expect(await reasonOf(wrapIn(world))).toBe("AUDIT_UNAVAILABLE");
    expect(world.events).not.toContain("provider");
  });

  test("when the result cannot be recorded, no plaintext leaves and it is wiped", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    world.auditFails = true;
    let dataKey: Uint8Array | undefined;
    const { broker } = world.graph;
    const spied = {
      ...broker,
      unwrap: async (...args: Parameters<typeof broker.unwrap>) => {
        const unsealed = await broker.unwrap(...args);
        dataKey = unsealed.dataKey;
        return unsealed;
      },
    };
    const graph = { ...world.graph, broker: spied };
    const request = { envelope, context, key: "" };
    expect(await reasonOf(perform(world.service, graph, world.caller, unwrap, request, bounds))).toBe(
      "AUDIT_UNAVAILABLE",
    );
    expect(dataKey).toEqual(Buffer.alloc(wrapping.plaintext.length));
  });

  test("nobody is identified by a message: a channel that proves nobody is refused before the request is read", async () => {
    const world = fakeWorld();
    world.identity = undefined;
    expect(await reasonOf(wrapIn(world, { ...wrapping, key: "not a name" }))).toBe("IDENTITY_UNKNOWN");
    expect(world.events).toEqual(["audit result"]);
  });

  test("what is not allowed never reaches the broker", async () => {
    const world = fakeWorld();
    world.allowed = ["unwrap"];
    expect(await reasonOf(wrapIn(world))).toBe("DENIED");
    expect(world.events).toEqual(["audit result"]);
    expect(world.records[0]).toMatchObject({ outcome: "DENIED", identity: "alice", key: "backups/db" });
  });

  test("a key that does not exist and one that is not yours get the same answer", async () => {
    const world = fakeWorld();
    const missing = await refusal(wrapIn(world, { ...wrapping, key: "backups/xy" }));
    world.allowed = [];
    const foreign = await refusal(wrapIn(world));
    expect(missing.reason).toBe("DENIED");
    expect(missing.message.replace("backups/xy", "backups/db")).toBe(foreign.message);
  });

  test("an unexpected error is logged with its cause and answered without it", async () => {
    const world = fakeWorld();
    world.beforeAnswer = () => Promise.reject(new Error("secret detail"));
    const error = await refusal(wrapIn(world));
    expect(error.reason).toBe("INTERNAL");
    expect(error.message).not.toContain("secret detail");
    expect(world.faults).toHaveLength(1);
  });

  test("context values are recorded only for the names that the configuration lists", async () => {
    const world = fakeWorld();
    await wrapIn(world, { ...wrapping, context: { host: "db1", ...{ token: "private" } } });
    expect(world.records[0]!.context).toEqual({ host: "db1" });
  });

  test("the envelope's fingerprint is the same when it is made and when it is read", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    await unwrapIn(world, envelope);
    expect(world.records[0]!.envelope).toMatch(/^[0-9a-f]{32}$/);
    expect(world.records[1]!.envelope).toBe(world.records[0]!.envelope);
  });

  test("the caller's deadline and its going away end the wait for a provider", async () => {
    const world = fakeWorld();
    world.beforeAnswer = (scope) =>
      new Promise((_resolve, reject) =>
        scope.signal().addEventListener("abort", () => reject(scope.signal().reason as Error)),
      );
    const soon = { deadlineMs: performance.now() + 5 };
    const late = perform(world.service, world.graph, world.caller, wrap, wrapping, soon);
    expect(await reasonOf(late)).toBe("PROVIDER_TIMEOUT");
    let goAway: () => void = () => undefined;
    const leaving = { deadlineMs: Infinity, onCancel: (listener: () => void) => void (goAway = listener) };
    const left = perform(world.service, world.graph, world.caller, wrap, wrapping, leaving);
    goAway();
    expect(await reasonOf(left)).toBe("PROVIDER_TIMEOUT");
  });
});

describe("the operations", () => {
  test("what was wrapped is unwrapped with its context", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    const answer = await unwrapIn(world, envelope, { key: "backups/db" });
    expect(Buffer.from(answer.plaintext)).toEqual(Buffer.from(wrapping.plaintext));
    expect(answer.key).toBe("backups/db");
  });

  test("an envelope of another key than the named one is refused", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    expect(await reasonOf(unwrapIn(world, envelope, { key: "backups/other" }))).toBe("ENVELOPE_REFUSED");
    const byFormerName = await unwrapIn(world, envelope, { key: "backups/old" });
    expect(byFormerName.key).toBe("backups/db");
  });

  test.each([
    ["an empty data key", { plaintext: new Uint8Array(0) }, "REQUEST_INVALID"],
    ["a data key over 64 KiB", { plaintext: new Uint8Array(65_537) }, "REQUEST_INVALID"],
    ["no key", { key: "" }, "REQUEST_INVALID"],
    ["a key name with ..", { key: "backups/../db" }, "REQUEST_INVALID"],
    ["a key name with spaces", { key: "backups db" }, "REQUEST_INVALID"],
    ["a key name in upper case", { key: "Backups/db" }, "REQUEST_INVALID"],
    ["a context without a required name", { context: { set: "full" } as unknown as typeof context }, "REQUEST_INVALID"],
    ["a context value over its limit", { context: { host: "x".repeat(1025) } }, "REQUEST_INVALID"],
  ] as const)("wrap refuses %s", async (_what, change, reason) => {
    const world = fakeWorld();
    expect(await reasonOf(wrapIn(world, { ...wrapping, ...change }))).toBe(reason);
    expect(world.events).toEqual(["audit result"]);
  });

  test("generate makes keys of the asked length, and none without plaintext", async () => {
    const world = fakeWorld();
    const generate = (length: number, withoutPlaintext = false) =>
      perform(
        world.service,
        world.graph,
        world.caller,
        generateDataKey,
        { key: "backups/db", context, length, withoutPlaintext },
        bounds,
      );
    expect((await generate(0)).plaintext).toHaveLength(32);
    expect((await generate(16)).plaintext).toHaveLength(16);
    expect((await generate(64)).plaintext).toHaveLength(64);
    const sealed = await generate(32, true);
    expect(sealed.plaintext).toHaveLength(0);
    expect((await unwrapIn(world, sealed.envelope)).plaintext).toHaveLength(32);
    expect(await reasonOf(generate(15))).toBe("REQUEST_INVALID");
    expect(await reasonOf(generate(65))).toBe("REQUEST_INVALID");
  });

  test("rewrap needs its permission and no context; the new envelope keeps the old one's context", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    const renewed = await perform(world.service, world.graph, world.caller, rewrap, { envelope, key: "" }, bounds);
    expect(Buffer.from(renewed.envelope)).not.toEqual(Buffer.from(envelope));
    expect((await unwrapIn(world, renewed.envelope)).plaintext).toHaveLength(16);
    expect(await reasonOf(unwrapIn(world, renewed.envelope, { context: { host: "db2" } }))).toBe("ENVELOPE_REFUSED");
    world.allowed = ["unwrap"];
    const denied = perform(world.service, world.graph, world.caller, rewrap, { envelope, key: "" }, bounds);
    expect(await reasonOf(denied)).toBe("DENIED");
  });

  test("check answers what is wrong with an envelope instead of failing", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    const ask = (more: object) =>
      perform(
        world.service,
        world.graph,
        world.caller,
        check,
        { envelope, context, key: "", deep: false, ...more },
        bounds,
      );
    expect((await ask({})).matches).toBe(true);
    expect(await ask({ context: { host: "db2" } })).toMatchObject({ matches: false, reason: "ENVELOPE_REFUSED" });
    expect(await ask({ key: "backups/other" })).toMatchObject({ matches: false, reason: "ENVELOPE_REFUSED" });
    expect(await reasonOf(ask({ envelope: new Uint8Array(10) }))).toBe("ENVELOPE_REFUSED");
  });

  test("inspect reads the header alone", async () => {
    const world = fakeWorld();
    const { envelope } = await wrapIn(world);
    const { header, recipients } = await perform(
      world.service,
      world.graph,
      world.caller,
      inspect,
      { envelope },
      bounds,
    );
    expect(header).toMatchObject({ realm: "test", key: "backups/db", dataKeyLength: 16 });
    expect(recipients).toEqual([{ provider: "fake", kind: "env" }]);
    expect(world.events.at(-2)).not.toBe("broker inspect");
  });
});
