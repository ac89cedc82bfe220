// Identities as calls meet them: a token that is still being verified, and one that only narrows.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { permissions } from "../../../src/config/index.ts";
import type { Identity } from "../../../src/identity/index.ts";
import { getStatus, listKeys, perform, wrap } from "../../../src/operations/index.ts";
import { createPolicy } from "../../../src/policy/index.ts";
import { fakeWorld } from "../../fakes/graph.ts";
import type { FakeWorld } from "../../fakes/graph.ts";
import { startServer } from "../grpc/server.ts";
import { ruleOf } from "../policy/rules.ts";
import type { TestServer } from "../grpc/server.ts";

const alice: Identity = { name: "alice", attributes: {} };
const wrapping = { key: "backups/db", plaintext: Buffer.from("0123456789abcdef"), context: { host: "db1" } };
const wrapCall = (id: number) => ({ id: BigInt(id), operation: { case: "wrap" as const, value: wrapping } });

let world: FakeWorld;
/** Ends the verification that is under way. */
let verified: ((identity: Identity | undefined) => void) | undefined;

beforeEach(() => {
  world = fakeWorld();
  verified = undefined;
  const identity = () => new Promise<Identity | undefined>((resolve) => (verified = resolve));
  Object.assign(world, { caller: { listener: "test", identity } });
});

const someTurns = async () => {
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
};
const wrapOnce = () =>
  perform(
    world.service,
    world.graph,
    world.caller,
    wrap,
    { ...wrapping, plaintext: Buffer.from("k") },
    { deadlineMs: Infinity },
  );

describe("while a token is verified", () => {
  test("a call waits, and is then judged: nothing happens before", async () => {
    const done = wrapOnce();
    await someTurns();
    expect(world.events).toEqual([]);
    verified!(alice);
    await done;
    expect(world.records.at(-1)).toMatchObject({ identity: "alice", outcome: "done" });
  });

  test("a call that proves nobody is refused and recorded", async () => {
    const done = wrapOnce();
    verified!(undefined);
    await expect(done).rejects.toMatchObject({ reason: "IDENTITY_UNKNOWN" });
    expect(world.records).toMatchObject([{ identity: undefined, outcome: "IDENTITY_UNKNOWN" }]);
  });

  describe("a Session", () => {
    let server: TestServer;
    beforeEach(async () => void (server = await startServer(world)));
    afterEach(() => server.stop());

    test("holds its frames, and answers them though the caller has ended its side", async () => {
      const session = server.session();
      session.send([wrapCall(1), wrapCall(2)]);
      session.stream.end();
      await expect.poll(() => verified).toBeDefined();
      // The client's end of the stream comes in the meantime.
      await someTurns();
      // The frame is judged once, then each of its calls.
      Object.assign(world.caller, { identity: () => alice });
      verified!(alice);
      expect((await session.until(2)).map(({ result }) => result.case)).toEqual(["wrap", "wrap"]);
      expect(await session.ended).toBeUndefined();
    });

    test("ends when it proves nobody", async () => {
      const session = server.session();
      session.send([wrapCall(1)]);
      await expect.poll(() => verified).toBeDefined();
      verified!(undefined);
      expect(await session.ended).toMatchObject({ code: 16, reason: "IDENTITY_UNKNOWN" });
      expect(session.results).toEqual([]);
    });
  });
});

describe("an identity within another", () => {
  const outer: Identity = { name: "agent", attributes: {} };
  const bounds = { deadlineMs: Infinity };

  /** Who may do anything here. */
  function allowing(...names: string[]): void {
    const policy = createPolicy([ruleOf({ who: names, may: [...permissions], keys: ["*"] })]);
    Object.assign(world.graph, { policy });
    Object.assign(world.caller, { identity: () => ({ ...alice, within: outer }) });
  }

  test("may what both may", async () => {
    allowing("alice", "agent");
    await wrapOnce();
    expect(world.records.at(-1)).toMatchObject({ identity: "alice", decision: "allowed" });
  });

  test.each([[["alice"]], [["agent"]], [[]]])("may not what only %j may, with keys and without", async (names) => {
    allowing(...names);
    const { service, graph, caller } = world;
    await expect(wrapOnce()).rejects.toMatchObject({ reason: "DENIED" });
    const listing = perform(service, graph, caller, listKeys, { pageSize: 0, pageToken: "" }, bounds);
    await expect(listing).rejects.toMatchObject({ reason: "DENIED" });
    await expect(perform(service, graph, caller, getStatus, {}, bounds)).rejects.toMatchObject({ reason: "DENIED" });
    expect(world.events.filter((event) => event.startsWith("broker"))).toEqual([]);
  });
});
