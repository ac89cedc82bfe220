// Every operation there is × every permission × identities, through `perform` as front doors call it.

import { beforeAll, describe, expect, it } from "vitest";
import type { KeyStatus } from "../../../src/broker/broker.ts";
import { namesKey, permissions, type Permission, type RuleConfiguration } from "../../../src/config/index.ts";
import { isBrokerError } from "../../../src/errors/index.ts";
import * as doors from "../../../src/operations/index.ts";
import { createPolicy } from "../../../src/policy/index.ts";
import { MasterKeyVersionState } from "../../../src/proto/keybroker/admin/v1/master_key_service_pb.ts";
import { fakeWorld } from "../../fakes/graph.ts";
import { ruleOf } from "./rules.ts";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the matrix calls operations of every type alike
type AnyOperation = doors.Operation<any, object, any, any>;

/** The operations' own table: whatever stands in it is in the matrix. */
const operations = Object.values(doors as Record<string, unknown>).filter(
  (one): one is AnyOperation => typeof one === "object" && one !== null && "authorise" in one && "act" in one,
);

/** Operations whose permission has another name than they. */
const shared: Readonly<Record<string, Permission>> = { "admin.resume": "admin.stop", "admin.stops.list": "admin.stop" };
const permissionOf = ({ name }: AnyOperation) => shared[name] ?? (name as Permission);

const context = { host: "db1" };
let envelope: Uint8Array;

/** One request that every operation can read. */
const request = (key: string) => ({
  key,
  envelope,
  context,
  plaintext: new Uint8Array(32),
  length: 0,
  withoutPlaintext: false,
  deep: false,
  provider: "",
  masterKeyId: "",
  version: "1",
  state: MasterKeyVersionState.DISABLED,
  requestId: "r1",
  validateOnly: true,
  pageSize: 0,
  pageToken: "",
  reason: "",
  all: false,
  id: "0".repeat(32),
  document: "",
  identity: "",
  requester: "",
  keys: ["backups/db"],
  conditions: [],
  maxUnwraps: 1,
});

const recipient: KeyStatus["recipients"][number] = {
  provider: "one",
  kind: "env",
  masterKeyId: "id-1",
  unwrapOnly: false,
  protection: undefined,
};

interface Called {
  readonly outcome: string;
  readonly message: string;
  /** What came after the policy, apart from the record. */
  readonly events: readonly string[];
  readonly decision: string | undefined;
}

interface Call {
  readonly rules: readonly RuleConfiguration[];
  readonly operation: AnyOperation;
  readonly identity?: string | undefined;
  readonly key?: string;
}

async function call({ rules, operation, identity = "alice", key = "backups/db" }: Call): Promise<Called> {
  const world = fakeWorld();
  world.identity = identity === "" ? undefined : identity;
  const { broker } = world.graph;
  const keys = () => broker.keys().map((status) => ({ ...status, recipients: [recipient] }));
  const policy = createPolicy(rules, new Map([["group", ["grouped"]]]));
  const configuration = { ...world.graph.configuration, policy: rules };
  const graph = { ...world.graph, configuration, policy, broker: { ...broker, keys } };
  const bounds = { deadlineMs: Infinity };
  const error: unknown = await doors.perform(world.service, graph, world.caller, operation, request(key), bounds).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const events = world.events.filter((event) => event !== "audit result");
  const [outcome, message] = isBrokerError(error) ? [error.reason, error.message] : ["done", ""];
  if (error !== undefined && !isBrokerError(error)) throw new Error("no BrokerError", { cause: error });
  return { outcome, message, events, decision: world.records.at(-1)?.decision };
}

beforeAll(async () => {
  const world = fakeWorld();
  const bounds = { deadlineMs: Infinity };
  const configuration = { ...world.graph.configuration, policy: only("wrap") };
  ({ envelope } = await doors.perform(
    world.service,
    { ...world.graph, configuration },
    world.caller,
    doors.wrap,
    request("backups/db"),
    bounds,
  ));
});

const only = (permission: Permission, who = "alice", keys = "*") => [
  ruleOf({ who: [who], may: [permission], keys: [keys] }),
];
const cells = operations.flatMap((operation) => permissions.map((permission) => ({ operation, permission })));

describe("the matrix", () => {
  it("has every operation and every permission, one for the other", () => {
    const names = operations.map(({ name }) => name).sort();
    expect(names.length).toBeGreaterThanOrEqual(11);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(operations.map(permissionOf))).toEqual(new Set(permissions));
  });

  it.each(cells.map((cell) => [cell.operation.name, cell.permission, cell] as const))(
    "%s with the permission %s",
    async (_, permission, { operation }) => {
      const rules = only(permission);
      const isGranted = permissionOf(operation) === permission;
      for (const identity of ["alice", "grouped"]) {
        const given = identity === "alice" ? rules : only(permission, "group");
        const answer = await call({ rules: given, operation, identity });
        expect(answer.outcome === "DENIED").toBe(!isGranted);
        expect(answer.decision).toBe(isGranted ? "allowed" : "denied");
        if (!isGranted) expect(answer.events).toEqual([]);
      }
      for (const identity of ["bob", "alice2", "Alice", "group", "constructor"]) {
        const answer = await call({ rules, operation, identity });
        expect(answer).toMatchObject({ outcome: "DENIED", decision: "denied", events: [] });
      }
      expect(await call({ rules, operation, identity: "" })).toMatchObject({ outcome: "IDENTITY_UNKNOWN", events: [] });
    },
  );

  it.each(operations.map((operation) => [operation.name, operation] as const))(
    "%s with everything but its permission",
    async (_, operation) => {
      const may = permissions.filter((permission) => permission !== permissionOf(operation));
      const rules = [ruleOf({ who: ["alice"], may, keys: ["*"] })];
      expect(await call({ rules, operation })).toMatchObject({ outcome: "DENIED", events: [] });
    },
  );

  const onKeys = operations.filter((operation) => namesKey(permissionOf(operation)));
  it.each(onKeys.map((operation) => [operation.name, operation] as const))(
    "%s with its permission on other keys",
    async (_, operation) => {
      for (const keys of ["backups/db2", "backups/db/*", "back/*", "db"]) {
        const rules = only(permissionOf(operation), "alice", keys);
        expect(await call({ rules, operation })).toMatchObject({ outcome: "DENIED", events: [] });
      }
      for (const keys of ["backups/db", "backups/*"]) {
        const rules = only(permissionOf(operation), "alice", keys);
        expect((await call({ rules, operation })).outcome).not.toBe("DENIED");
      }
    },
  );

  it.each(operations.filter(({ name }) => ["wrap", "generate", "unwrap", "check"].includes(name)))(
    "$name under a condition on its context",
    async (operation) => {
      const under = (when: string) => [
        ruleOf({ who: ["alice"], may: [operation.name as Permission], keys: ["*"], when: [when] }),
      ];
      expect((await call({ rules: under('context.host == "db1"'), operation })).outcome).toBe("done");
      expect((await call({ rules: under('context.host == "db2"'), operation })).outcome).toBe("DENIED");
      expect((await call({ rules: under("context.host == identity.host"), operation })).outcome).toBe("DENIED");
    },
  );
});

describe("a key that does not exist", () => {
  const named = operations.filter(
    ({ name }) => ["wrap", "generate", "admin.stop", "admin.resume"].includes(name) || /masterkeys/.test(name),
  );
  it.each(named.map((operation) => [operation.name, operation] as const))(
    "answers %s as one that is not the caller's, word for word",
    async (_, operation) => {
      const rules = only(permissionOf(operation), "alice", "other/*");
      const missing = await call({ rules, operation, key: "backups/none" });
      const notYours = await call({ rules, operation, key: "backups/db" });
      expect(missing).toEqual({ ...notYours, message: notYours.message.replace("backups/db", "backups/none") });
      expect(missing.outcome).toBe("DENIED");
    },
  );

  it("is denied even where a rule covers its name", async () => {
    expect((await call({ rules: only("wrap"), operation: doors.wrap, key: "backups/none" })).outcome).toBe("DENIED");
  });
});
