// Calls by rules that ask for a grant: in which order things happen, and what is on record.

import { beforeEach, describe, expect, test } from "vitest";
import type { Configuration, GrantRequirement } from "../../../src/config/configuration.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import type { GrantQuestion, UsedGrant } from "../../../src/grants/index.ts";
import {
  listGrants,
  openGrant,
  perform,
  requestGrant,
  revokeGrant,
  rewrap,
  unwrap,
  wrap,
} from "../../../src/operations/index.ts";
import type { Graph, Operation } from "../../../src/operations/index.ts";
import { fingerprint } from "../../../src/operations/recorded.ts";
import { fakeWorld, type FakeWorld } from "../../fakes/graph.ts";
import { needs, statement } from "./setting.ts";

const bounds = { deadlineMs: Infinity };
const context = { host: "db1" };
const id = "0123456789abcdef0123456789abcdef";

let world: FakeWorld;
let graph: Graph;
let envelope: Uint8Array;
let asked: GrantQuestion[];
let answer: UsedGrant | BrokerError;

beforeEach(async () => {
  world = fakeWorld();
  const key = "backups/db";
  const plaintext = new TextEncoder().encode("0123456789abcdef");
  ({ envelope } = await perform(world.service, world.graph, world.caller, wrap, { key, plaintext, context }, bounds));
  world.events.length = world.records.length = 0;
  asked = [];
  answer = { id, statement: statement(), approvers: ["dba", "security"], isNew: true, countedIn: "store" };
  graph = granted([needs]);
});

/** The graph with rules that ask for these, of which the first decides. */
function granted(requirements: readonly GrantRequirement[]): Graph {
  const policy = requirements.map((grant) => ({ grant }));
  return {
    ...world.graph,
    configuration: { ...world.graph.configuration, policy } as unknown as Configuration,
    grants: {
      ...world.graph.grants,
      require(question) {
        asked.push(question);
        world.events.push("grant");
        return answer instanceof BrokerError ? Promise.reject(answer) : Promise.resolve(answer);
      },
    },
  };
}

const call = <Q, A extends object>(operation: Operation<Q, A, never, never>, request: Q): Promise<A> =>
  perform(world.service, graph, world.caller, operation as Operation<Q, A>, request, bounds);

const opened = (grant?: string) =>
  call(unwrap as never, { envelope, context, key: "", ...(grant && { grant }) } as never);

describe("a call under a grant", () => {
  test("is charged and recorded before the broker is asked", async () => {
    await opened();
    expect(world.events).toEqual(["grant", "audit grant-used", "broker unwrap", "audit result"]);
    expect(asked).toMatchObject([
      { key: "backups/db", context, envelope: fingerprint(envelope), needs: [needs], document: "" },
    ]);
    const [used, result] = world.records;
    expect(used).toMatchObject({ identity: "alice", key: "backups/db", grant: id, envelope: fingerprint(envelope) });
    expect(used!.details).toMatchObject({ reason: "INC-1234", requester: "alice", approvers: ["dba", "security"] });
    expect(result).toMatchObject({ decision: "allowed", rule: 0, grant: id, outcome: "done" });
  });

  test("has no record of its own where its envelope was charged before", async () => {
    answer = { ...(answer as UsedGrant), isNew: false };
    await opened();
    expect(world.events).toEqual(["grant", "broker unwrap", "audit result"]);
    expect(world.records[0]).toMatchObject({ grant: id });
  });

  test("goes no further without one, and is on record as denied", async () => {
    answer = new BrokerError("DENIED", "there is none");
    await expect(opened()).rejects.toMatchObject({ reason: "DENIED" });
    expect(world.events).toEqual(["grant", "audit result"]);
    expect(world.records[0]).toMatchObject({ decision: "denied", rule: 0, grant: undefined, outcome: "DENIED" });
  });

  test("goes no further when its use cannot be recorded", async () => {
    world.auditFails = true;
    await expect(opened()).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    expect(world.events).not.toContain("broker unwrap");
  });

  test("may bring the grant, a rewrap too, which has no context", async () => {
    await opened("the document");
    await call(rewrap as never, { envelope, key: "", grant: "the document" } as never);
    expect(asked.map(({ document, context: brought }) => [document, brought])).toEqual([
      ["the document", context],
      ["the document", undefined],
    ]);
  });

  test("is not asked for one by a rule that asks for none, whatever it brings", async () => {
    graph = granted([]);
    await opened("the document");
    expect(asked).toEqual([]);
  });
});

describe("a token within another identity", () => {
  const other = { ...needs, approvals: 3 };
  const outer = { name: "outer", attributes: {} };

  /** alice within outer; `rule` is what the policy says to outer when it is asked again. */
  function within(rule: number | undefined): void {
    graph = {
      ...granted([needs, other]),
      policy: {
        decide: ({ identity }) => {
          if (identity.name === "alice") return { allowed: true, rule: 0 };
          return rule === undefined ? { allowed: false } : { allowed: true, rule };
        },
      },
    };
    const identity = { name: "alice", attributes: {}, within: outer };
    world = { ...world, caller: { listener: "test", identity: () => identity } };
  }

  test("needs what the rules of both ask for", async () => {
    within(1);
    await opened();
    expect(asked[0]!.needs).toEqual([needs, other]);
  });

  test("is refused where the other may not", async () => {
    within(undefined);
    await expect(opened()).rejects.toMatchObject({ reason: "DENIED" });
    expect(asked).toEqual([]);
  });
});

describe("administration of grants", () => {
  const requests: readonly [string, unknown, unknown][] = [
    ["admin.grants.request", requestGrant, { keys: ["backups/db"], conditions: [], reason: "x", maxUnwraps: 1 }],
    ["admin.grants.open", openGrant, { document: "x", validateOnly: false }],
    ["admin.grants.list", listGrants, { pageSize: 0, pageToken: "" }],
    ["admin.grants.revoke", revokeGrant, { id }],
  ];

  test.each(requests)("%s needs its permission", async (permission, operation, request) => {
    world.allowed = ["unwrap", "admin.status", "admin.keys.list"];
    await expect(call(operation as never, request as never)).rejects.toMatchObject({ reason: "DENIED" });
    expect(world.records).toMatchObject([{ operation: permission, decision: "denied", outcome: "DENIED" }]);
  });

  test("a revocation is on record before it is made, and only of what is an id", async () => {
    world.allowed = ["admin.grants.revoke"];
    await call(revokeGrant as never, { id } as never);
    expect(world.records).toMatchObject([{ event: "grant-revoked", grant: id }, { outcome: "done" }]);
    const wrong = call(revokeGrant as never, { id: "../../etc/passwd" } as never);
    await expect(wrong).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
  });
});
