import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { BrokerError } from "../../../src/errors/index.ts";
import {
  ListKeysRequestSchema,
  ListKeysResponseSchema,
} from "../../../src/proto/keybroker/admin/v1/key_admin_service_pb.ts";
import type { CallSchema, Result } from "../../../src/proto/keybroker/v1/call_pb.ts";
import { BatchRequestSchema, BatchResponseSchema } from "../../../src/proto/keybroker/v1/key_service_pb.ts";
import * as proto from "../../../src/proto/keybroker/v1/operation_pb.ts";
import { fakeWorld } from "../../fakes/graph.ts";
import type { FakeWorld } from "../../fakes/graph.ts";
import { detailsOf, startServer } from "./server.ts";
import type { Failure, TestServer } from "./server.ts";

const service = "/keybroker.v1.KeyService";
const wrapping = { key: "backups/db", plaintext: Buffer.from("0123456789abcdef"), context: { host: "db1" } };
const wrapSchemas: [typeof proto.WrapRequestSchema, typeof proto.WrapResponseSchema] = [
  proto.WrapRequestSchema,
  proto.WrapResponseSchema,
];

let world: FakeWorld;
let server: TestServer;

beforeEach(async () => {
  world = fakeWorld();
  server = await startServer(world);
});
afterEach(() => server.stop());

const wrapOnce = async (more: object = {}) =>
  (await server.call(`${service}/Wrap`, wrapSchemas, { ...wrapping, ...more })).envelope;
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error("expected a failure")),
    (failure: unknown) => failure as Failure,
  );
const errorOf = (result: Result) =>
  result.result.case === "error" ? detailsOf(result.result.value).reason : undefined;
const turn = () => new Promise((resolve) => setImmediate(resolve));
const someTurns = async () => {
  for (let turns = 0; turns < 20; turns++) await turn();
};
const untilEvents = async (count: number) => {
  while (world.events.length < count) await turn();
};
const wrapCall = (id: number) => ({
  id: BigInt(id),
  operation: { case: "wrap" as const, value: wrapping },
});

describe("unary calls", () => {
  test("wrap and unwrap over the wire", async () => {
    const envelope = await wrapOnce();
    const schemas: [typeof proto.UnwrapRequestSchema, typeof proto.UnwrapResponseSchema] = [
      proto.UnwrapRequestSchema,
      proto.UnwrapResponseSchema,
    ];
    const answer = await server.call(`${service}/Unwrap`, schemas, { envelope, context: wrapping.context });
    expect(Buffer.from(answer.plaintext)).toEqual(wrapping.plaintext);
  });

  test("a failure carries its status, its reason and, where there is one, the hint", async () => {
    expect(await failing(wrapOnce({ key: "none" }))).toMatchObject({ code: 7, reason: "DENIED", retryDelay: false });
    world.beforeAnswer = () => Promise.reject(new BrokerError("PROVIDER_UNAVAILABLE", "down"));
    expect(await failing(wrapOnce())).toMatchObject({ code: 14, reason: "PROVIDER_UNAVAILABLE", retryDelay: true });
  });

  test("a field that this version does not know is refused, not ignored", async () => {
    const known = toBinary(proto.WrapRequestSchema, create(proto.WrapRequestSchema, wrapping));
    const failure = await failing(
      server.callBytes(`${service}/Wrap`, Buffer.concat([known, Buffer.from([0xf8, 0x01, 1])])),
    );
    expect(failure).toMatchObject({ code: 12, reason: "FIELD_UNKNOWN" });
    expect(failure.message).toContain("31");
  });

  test.each([
    ["bytes that are no message", Buffer.from([0xff, 0xff, 0xff])],
    ["a truncated message", Buffer.from([0x0a, 0x20, 0x61])],
    ["invalid UTF-8", Buffer.from([0x0a, 0x02, 0xc3, 0x28])],
  ])("%s are refused", async (_what, bytes) => {
    expect(await failing(server.callBytes(`${service}/Wrap`, bytes))).toMatchObject({
      code: 3,
      reason: "REQUEST_INVALID",
    });
  });

  test("a context name that JavaScript treats specially is refused, not lost", async () => {
    const entry = Buffer.concat([Buffer.from([10, 9]), Buffer.from("__proto__"), Buffer.from([18, 1, 120])]);
    const known = toBinary(proto.WrapRequestSchema, create(proto.WrapRequestSchema, wrapping));
    const bytes = Buffer.concat([known, Buffer.from([0x1a, entry.length]), entry]);
    expect(await failing(server.callBytes(`${service}/Wrap`, bytes))).toMatchObject({ reason: "REQUEST_INVALID" });
  });

  test("while draining, calls are refused with DRAINING", async () => {
    world.draining = true;
    expect(await failing(wrapOnce())).toMatchObject({ code: 14, reason: "DRAINING" });
  });

  test("admin lists keys for whom the policy lets", async () => {
    const list = () =>
      server.call("/keybroker.admin.v1.KeyAdminService/ListKeys", [ListKeysRequestSchema, ListKeysResponseSchema], {});
    expect(await failing(list())).toMatchObject({ reason: "DENIED" });
    world.allowed = ["admin.keys.list"];
    expect((await list()).keys.map((key) => key.name)).toEqual(["backups/db"]);
  });
});

describe("Batch", () => {
  const batch = (calls: MessageInitShape<typeof CallSchema>[]) =>
    server.call(`${service}/Batch`, [BatchRequestSchema, BatchResponseSchema], { calls });

  test("results come in the order of the calls, failures among them", async () => {
    const { results } = await batch([
      wrapCall(7),
      { id: 3n, operation: { case: "wrap", value: { ...wrapping, key: "none" } } },
      { id: 5n },
      wrapCall(1),
    ]);
    expect(results.map((result) => result.id)).toEqual([7n, 3n, 5n, 1n]);
    expect(results.map((result) => result.result.case)).toEqual(["wrap", "error", "error", "wrap"]);
    expect(results.map(errorOf)).toEqual([undefined, "DENIED", "REQUEST_INVALID", undefined]);
  });

  test("an operation that this version does not know fails alone", async () => {
    const known = toBinary(BatchRequestSchema, create(BatchRequestSchema, { calls: [wrapCall(1)] }));
    const unknown = Buffer.from([0x0a, 0x04, 0x08, 0x02, 0x72, 0x00]);
    const bytes = await server.callBytes(`${service}/Batch`, Buffer.concat([known, unknown]));
    expect(bytes.length).toBeGreaterThan(0);
    expect(world.records.map((record) => record.outcome)).toEqual(["done"]);
  });

  test.each([
    ["no calls", () => []],
    ["1,001 calls", () => Array.from({ length: 1001 }, (_, id) => wrapCall(id))],
    ["an id twice", () => [wrapCall(1), wrapCall(1)]],
  ])("%s are refused as a whole", async (_what, calls) => {
    expect(await failing(batch(calls()))).toMatchObject({ code: 3, reason: "REQUEST_INVALID" });
    expect(world.records).toEqual([]);
  });

  test("an answer never passes 4 MiB: what does not fit says so", async () => {
    const envelope = await wrapOnce({ plaintext: Buffer.alloc(50_000, 1) });
    const unwrapCall = (id: number): MessageInitShape<typeof CallSchema> => ({
      id: BigInt(id),
      operation: { case: "unwrap", value: { envelope, context: wrapping.context } },
    });
    const { results } = await batch(Array.from({ length: 90 }, (_, id) => unwrapCall(id)));
    const fitting = results.filter((result) => result.result.case === "unwrap").length;
    expect(fitting).toBeGreaterThan(70);
    expect(results.slice(fitting).map(errorOf)).toEqual(results.slice(fitting).map(() => "OVERLOADED"));
  });
});

describe("Session", () => {
  test("a call's failure is its result; results of one turn share a frame", async () => {
    const session = server.session();
    session.send([wrapCall(1), { id: 2n }, wrapCall(3)]);
    const results = await session.until(3);
    expect(new Set(results.map((result) => result.id))).toEqual(new Set([1n, 2n, 3n]));
    expect(errorOf(results.find((result) => result.id === 2n)!)).toBe("REQUEST_INVALID");
    expect(session.frames.length).toBeLessThanOrEqual(2);
    session.stream.end();
    expect(await session.ended).toBeUndefined();
  });

  test("an id may come again once it was answered", async () => {
    const session = server.session();
    session.send([wrapCall(1)]);
    await session.until(1);
    session.send([wrapCall(1)]);
    expect((await session.until(2)).map((result) => result.result.case)).toEqual(["wrap", "wrap"]);
  });

  test("an id that is in flight ends the stream, after what was read is answered", async () => {
    const session = server.session();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    world.beforeAnswer = () => released;
    session.send([wrapCall(1)]);
    session.send([wrapCall(1)]);
    await untilEvents(1);
    await someTurns();
    release();
    expect(await session.ended).toMatchObject({ code: 3, reason: "REQUEST_INVALID" });
    expect(session.results.map((result) => result.id)).toEqual([1n]);
  });

  test("identity and policy are judged for every frame", async () => {
    const session = server.session();
    session.send([wrapCall(1)]);
    await session.until(1);
    world.allowed = [];
    session.send([wrapCall(2)]);
    expect(errorOf((await session.until(2))[1]!)).toBe("DENIED");
    world.identity = undefined;
    session.send([wrapCall(3)]);
    expect(await session.ended).toMatchObject({ code: 16, reason: "IDENTITY_UNKNOWN" });
  });

  test("draining answers what was read and ends with UNAVAILABLE", async () => {
    const session = server.session();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let begun: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (begun = resolve));
    world.beforeAnswer = () => {
      begun();
      return released;
    };
    session.send([wrapCall(1)]);
    await reached;
    server.door.drain();
    release();
    expect(await session.ended).toMatchObject({ code: 14, reason: "DRAINING" });
    expect(session.results.map((result) => result.result.case)).toEqual(["wrap"]);
  });

  test("beyond 1,024 calls in flight the daemon stops reading, and goes on when they are answered", async () => {
    const session = server.session();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    world.beforeAnswer = () => released;
    for (let frame = 0; frame < 4; frame++) {
      session.send(Array.from({ length: 600 }, (_, index) => wrapCall(frame * 600 + index)));
    }
    await untilEvents(1200);
    await someTurns();
    expect(world.events).toHaveLength(1200);
    release();
    expect(await session.until(2400)).toHaveLength(2400);
  });

  test("a call's own timeout ends that call alone", async () => {
    const session = server.session();
    world.beforeAnswer = (scope) =>
      new Promise((resolve, reject) => {
        if (scope.deadlineMs - performance.now() > 1000) resolve();
        else scope.signal().addEventListener("abort", () => reject(scope.signal().reason as Error));
      });
    session.send([{ ...wrapCall(1), timeout: { seconds: 0n, nanos: 5_000_000 } }, wrapCall(2)]);
    const results = await session.until(2);
    expect(results.map((result) => [result.id, errorOf(result)])).toEqual([
      [2n, undefined],
      [1n, "PROVIDER_TIMEOUT"],
    ]);
  });
});
