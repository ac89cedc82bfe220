// Master keys by their administrators: who is meant, who may, what is recorded, and changes that happen once.

import { beforeEach, describe, expect, test } from "vitest";
import type { Broker, KeyStatus } from "../../../src/broker/broker.ts";
import type { Permission } from "../../../src/config/configuration.ts";
import { BrokerError, isBrokerError } from "../../../src/errors/index.ts";
import {
  listMasterKeyVersions,
  perform,
  rotateMasterKey,
  setMasterKeyVersionState,
  type Operation,
} from "../../../src/operations/index.ts";
import { MasterKeyVersionState } from "../../../src/proto/keybroker/admin/v1/master_key_service_pb.ts";
import { fakeWorld, type FakeWorld } from "../../fakes/graph.ts";

type Recipient = KeyStatus["recipients"][number];

let world: FakeWorld;
let recipients: Recipient[];
let broker: Partial<Broker>;
let ids = 0;

const recipient = (provider: string, masterKeyId: string | undefined, unwrapOnly = false): Recipient => ({
  provider,
  kind: "fake",
  masterKeyId,
  unwrapOnly,
  protection: undefined,
});
const versions = (...names: string[]) => names.map((version) => ({ version, state: "enabled" as const }));
const all: Permission[] = ["admin.masterkeys.list", "admin.masterkeys.rotate", "admin.masterkeys.update"];
const target = { key: "backups/db", provider: "", masterKeyId: "" };
const fresh = () => ({ ...target, requestId: `request-${++ids}`, validateOnly: false });

beforeEach(() => {
  world = fakeWorld();
  world.allowed = [...all];
  recipients = [recipient("one", "id-1")];
  broker = {};
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the subject is the operation's own affair
function run<Q, A extends object>(operation: Operation<Q, A, any, any>, request: Q): Promise<A> {
  const keys = () => world.graph.broker.keys().map((status) => ({ ...status, recipients }));
  const graph = { ...world.graph, broker: { ...world.graph.broker, keys, ...broker } };
  return perform(world.service, graph, world.caller, operation, request, { deadlineMs: Infinity });
}

async function failure(promise: Promise<unknown>): Promise<BrokerError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (isBrokerError(error)) return error;
  throw new Error(`expected a BrokerError, got ${JSON.stringify(error)}`);
}

const list = (request: Partial<Parameters<typeof listMasterKeyVersions.read>[0]> = {}) =>
  run(listMasterKeyVersions, { ...target, pageSize: 0, pageToken: "", ...request });
const rotate = (request: Partial<ReturnType<typeof fresh>> = {}) => run(rotateMasterKey, { ...fresh(), ...request });
const update = (request: Partial<Parameters<typeof setMasterKeyVersionState.read>[0]> = {}) =>
  run(setMasterKeyVersionState, { ...fresh(), version: "1", state: MasterKeyVersionState.DISABLED, ...request });

describe("which master key is meant", () => {
  test("the only one that the key wraps to needs no name", async () => {
    recipients.push(recipient("old", "id-0", true));
    expect(await list()).toMatchObject({ provider: "one", masterKeyId: "id-1" });
  });

  test.each([
    [{}, "has several master keys: name one by provider and master_key_id, of one id-1, one id-2, two id-2"],
    [{ provider: "one" }, "of one id-1, one id-2"],
    [{ masterKeyId: "id-2" }, "of one id-2, two id-2"],
    [{ masterKeyId: "id-9" }, "has no such master key: name one"],
    [{ provider: "three" }, "has no recipient of provider three"],
  ])("%j is refused with the choice", async (request, message) => {
    recipients = [recipient("one", "id-1"), recipient("one", "id-2"), recipient("two", "id-2")];
    const refused = await failure(list(request));
    expect(refused).toMatchObject({ reason: "REQUEST_INVALID", message: expect.stringContaining(message) as string });
  });

  test("a retired one by its name, and one that a provider keeps for unwrapping alone", async () => {
    recipients.push(recipient("old", "id-0", true));
    expect(await list({ masterKeyId: "id-0" })).toMatchObject({ provider: "old", masterKeyId: "id-0" });
    expect(await list({ provider: "one", masterKeyId: "before" })).toMatchObject({ masterKeyId: "before" });
  });

  test("one that its provider has not told is an outage, not a mistake", async () => {
    recipients = [recipient("one", undefined)];
    expect((await failure(list())).reason).toBe("PROVIDER_UNAVAILABLE");
  });

  test("a key that is not there answers as one that is not the caller's", async () => {
    expect((await failure(list({ key: "backups/none" }))).reason).toBe("DENIED");
    expect((await failure(list({ key: "A" }))).reason).toBe("REQUEST_INVALID");
  });
});

describe("who may", () => {
  test.each([
    ["admin.masterkeys.list", () => list()],
    ["admin.masterkeys.rotate", () => rotate()],
    ["admin.masterkeys.update", () => update()],
  ] as const)("%s is the permission, and no other will do", async (permission, call) => {
    world.allowed = [permission];
    await call();
    world.allowed = [...all, "unwrap" as const].filter((other) => other !== permission);
    expect((await failure(call())).reason).toBe("DENIED");
  });

  test("the audit says which master key, and what was asked for", async () => {
    broker.rotate = async (_address, scope) => {
      await scope.beforeProvider();
      return "2";
    };
    await rotate();
    await update({ validateOnly: true });
    const details = { provider: "one", masterKey: "id-1" };
    expect(world.records).toMatchObject([
      { event: "attempt", operation: "admin.masterkeys.rotate", key: "backups/db", details },
      { event: "result", outcome: "done", details },
      { operation: "admin.masterkeys.update", details: { ...details, version: "1", state: "disabled", dryRun: "yes" } },
    ]);
  });
});

describe("listing", () => {
  test("goes by pages", async () => {
    broker.versions = () => Promise.resolve(versions("1", "2", "3"));
    const first = await list({ pageSize: 2 });
    expect(first.versions.map(({ version }) => version)).toEqual(["1", "2"]);
    const second = await list({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second.versions.map(({ version }) => version)).toEqual(["3"]);
    expect(second.nextPageToken).toBe("");
    expect((await failure(list({ pageToken: "9" }))).reason).toBe("REQUEST_INVALID");
    expect((await failure(list({ pageSize: 1001 }))).reason).toBe("REQUEST_INVALID");
  });
});

describe("changes", () => {
  let rotations: number;
  let outcome: BrokerError | undefined;

  beforeEach(() => {
    rotations = 0;
    outcome = undefined;
    broker.versions = () => Promise.resolve(versions("1", "2"));
    broker.rotate = () => {
      rotations++;
      return outcome ? Promise.reject(outcome) : Promise.resolve(String(rotations + 1));
    };
  });

  test("one request id is one rotation, also for requests at once", async () => {
    const request = fresh();
    const answers = await Promise.all([rotate(request), rotate(request)]);
    expect([...answers, await rotate(request)].map(({ version }) => version)).toEqual(["2", "2", "2"]);
    expect(rotations).toBe(1);
    expect((await rotate()).version).toBe("3");
  });

  test("another identity's id is another id", async () => {
    const request = fresh();
    await rotate(request);
    world.identity = "bob";
    expect((await rotate(request)).version).toBe("3");
  });

  test("an id is not taken again for something else", async () => {
    recipients.push(recipient("two", "id-2"));
    const request = { ...fresh(), provider: "one" };
    await rotate(request);
    expect((await failure(rotate({ ...request, provider: "two" }))).reason).toBe("REQUEST_INVALID");
    expect(rotations).toBe(1);
  });

  test.each([
    ["PROVIDER_TIMEOUT", 1],
    ["PROVIDER_UNAVAILABLE", 1],
    ["INTERNAL", 1],
    ["KEY_DISABLED", 2],
    ["REQUEST_INVALID", 2],
  ] as const)("after %s the same id asks the backend %i times in all", async (reason, times) => {
    outcome = new BrokerError(reason, "no");
    const request = fresh();
    expect((await failure(rotate(request))).reason).toBe(reason);
    expect((await failure(rotate(request))).reason).toBe(reason);
    expect(rotations).toBe(times);
  });

  test("validate_only changes nothing, and takes no id", async () => {
    const request = fresh();
    expect(await rotate({ ...request, validateOnly: true })).toMatchObject({ masterKeyId: "id-1", version: "" });
    expect(rotations).toBe(0);
    expect((await rotate(request)).version).toBe("2");
  });

  test("validate_only meets the backend", async () => {
    broker.versions = () => Promise.reject(new BrokerError("PROVIDER_UNAVAILABLE", "down"));
    expect((await failure(rotate({ validateOnly: true }))).reason).toBe("PROVIDER_UNAVAILABLE");
  });

  test("validate_only says what the backend cannot do", async () => {
    broker.checkAble = (_address, change) => {
      throw new BrokerError("REQUEST_INVALID", `cannot ${change}`);
    };
    expect((await failure(rotate({ validateOnly: true }))).message).toBe("cannot rotate");
    expect((await failure(update({ validateOnly: true }))).message).toBe("cannot setVersionState");
  });

  test.each(["", "a b", "é", "x".repeat(65)])("a request id %j is refused", async (requestId) => {
    expect((await failure(rotate({ requestId }))).reason).toBe("REQUEST_INVALID");
  });

  test("a version's state, and only of a version that there is", async () => {
    const states: unknown[] = [];
    broker.setVersionState = (_address, version, state) => Promise.resolve(void states.push([version, state]));
    const dry = await update({ version: "2", state: MasterKeyVersionState.PRIMARY, validateOnly: true });
    expect(dry.version).toEqual({ version: "2", state: "enabled" });
    const done = await update({ version: "2", state: MasterKeyVersionState.PRIMARY });
    expect(done.version).toEqual({ version: "2", state: "primary" });
    expect((await failure(update({ version: "9" }))).message).toContain("has no version 9");
    for (const wrong of [{ version: "" }, { state: MasterKeyVersionState.UNSPECIFIED }, { state: 9 }])
      expect((await failure(update(wrong as object))).reason).toBe("REQUEST_INVALID");
    expect(states).toEqual([["2", "primary"]]);
  });
});
