// A graph whose broker holds one branch key in memory, for tests of what stands above the broker.

import type { AuditLog, AuditRecord } from "../../src/audit/audit.ts";
import type { Broker, Scope } from "../../src/broker/broker.ts";
import type { Configuration, KeyConfiguration, Permission } from "../../src/config/configuration.ts";
import { deriveKeys, encodeBranchHeader, open, openFor, seal } from "../../src/envelope/index.ts";
import { BrokerError } from "../../src/errors/index.ts";
import { noStops } from "../../src/store/index.ts";
import type { Caller, Graph, Service } from "../../src/operations/index.ts";

/** What a test may change or look at. */
export interface FakeWorld {
  readonly graph: Graph;
  readonly service: Service;
  readonly caller: Caller;
  readonly records: AuditRecord[];
  /** What happened, in order: "audit …", "broker …". */
  readonly events: string[];
  readonly faults: unknown[];
  identity: string | undefined;
  allowed: Permission[];
  auditFails: boolean;
  /** Identities whose envelopes a provider refused. */
  readonly refusedLoads: string[];
  /** What quotas do with a call, and before a provider is reached; what stops do. */
  charge: Graph["quotas"]["charge"];
  beforeProvider: Graph["quotas"]["beforeProvider"];
  refuse: (key: string) => void;
  draining: boolean;
  /** Awaited by every broker call before it answers. */
  beforeAnswer: (scope: Scope) => Promise<void>;
}

const key: KeyConfiguration = {
  name: "backups/db",
  formerNames: ["backups/old"],
  wrapTo: [],
  unwrapOnly: [],
  wrapNeeds: 1,
  unwrapNeeds: 1,
  unwrapDelayMs: 2_000,
  context: { required: true, require: ["host"] },
  branchKey: { maxAgeMs: 3_600_000, maxWraps: 1_048_576, graceMs: 0 },
  unwrapCache: { maxAgeMs: 3_600_000, maxEntries: 10 },
  verifyWrap: true,
  onStoreLoss: "allow",
};

const h0 = encodeBranchHeader({
  suite: 1,
  threshold: 1,
  branchId: new Uint8Array(16),
  realm: "test",
  key: "backups/db",
  recipients: [{ kind: 1, scheme: 1, masterKeyId: "fake", version: "1", wrapped: new Uint8Array(4) }],
});
const branch = { h0, ...deriveKeys(new Uint8Array(32).fill(7), h0) };

/** A world in which identity `alice` may do everything with the key `backups/db`. */
export function fakeWorld(): FakeWorld {
  const records: AuditRecord[] = [];
  const events: string[] = [];
  const faults: unknown[] = [];
  const world: FakeWorld = {
    graph: {
      configuration: {
        audit: { folder: "", contextValues: ["host"] },
        limits: { callTimeoutMs: 10_000 },
        policy: [],
      } as unknown as Configuration,
      identities: {
        ofSocket: () => undefined,
        ofCertificate: () => undefined,
        ofToken: () => undefined,
        refresh: () => Promise.resolve(),
        close: () => undefined,
      },
      policy: {
        decide: ({ permission }) =>
          world.allowed.includes(permission) ? { allowed: true, rule: 0 } : { allowed: false },
      },
      broker: fakeBroker(() => world, events),
      audit: fakeAudit(() => world, records, events),
      grants: fakeGrants,
      quotas: {
        charge: (charge) => world.charge(charge),
        beforeProvider: (identity) => world.beforeProvider(identity),
        providerRefused: (identity) => void world.refusedLoads.push(identity),
      },
      stops: {
        refuse: (stopped) => world.refuse(stopped.name),
        list: () => noStops,
        set: () => Promise.resolve({ list: noStops, shared: true }),
        known: () => true,
        onStop: () => () => undefined,
        close: () => undefined,
      },
      store: undefined,
    },
    service: {
      graph: () => world.graph,
      draining: () => world.draining,
      observe: () => undefined,
      fault: (_operation, error) => void faults.push(error),
      facts: () => ({
        version: "0",
        startedAt: new Date(0),
        configuredAt: new Date(0),
        reloadError: undefined,
        warnings: [],
      }),
    },
    caller: {
      listener: "test",
      identity: () => (world.identity === undefined ? undefined : { name: world.identity, attributes: {} }),
    },
    records,
    events,
    faults,
    identity: "alice",
    allowed: ["wrap", "unwrap", "generate", "rewrap", "check", "inspect"],
    auditFails: false,
    refusedLoads: [],
    charge: () => undefined,
    beforeProvider: () => undefined,
    refuse: () => undefined,
    draining: false,
    beforeAnswer: () => Promise.resolve(),
  };
  return world;
}

/** There is no grant, and no rule that asks for one. */
const fakeGrants: Graph["grants"] = {
  require: () => Promise.reject(new BrokerError("DENIED", "there is no grant")),
  read: () => {
    throw new BrokerError("REQUEST_INVALID", "this is no grant");
  },
  judge: () => {
    throw new BrokerError("REQUEST_INVALID", "this is no grant");
  },
  open: () => Promise.reject(new BrokerError("REQUEST_INVALID", "this is no grant")),
  list: () => Promise.resolve([]),
  revoke: () => Promise.resolve(false),
};

function fakeAudit(world: () => FakeWorld, records: AuditRecord[], events: string[]): AuditLog {
  return {
    append(record) {
      events.push(`audit ${record.event}`);
      if (world().auditFails) return Promise.reject(new BrokerError("AUDIT_UNAVAILABLE", "the disk is full"));
      records.push(record);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

function fakeBroker(world: () => FakeWorld, events: string[]): Broker {
  const before = async (name: string, scope: Scope) => {
    events.push(`broker ${name}`);
    await world().beforeAnswer(scope);
  };
  return {
    key: (name) => (name === key.name || key.formerNames.includes(name) ? key : undefined),
    async wrap(_key, dataKey, contextHash, scope) {
      await before("wrap", scope);
      return seal(branch, dataKey, contextHash);
    },
    async unwrap(_key, envelope, contextHash, scope) {
      await before("unwrap", scope);
      return { dataKey: openFor(envelope, branch.sealKey, contextHash), version: "1", rewrapDue: false };
    },
    async rewrap(_key, envelope, scope) {
      await before("rewrap", scope);
      const { dataKey, contextHash } = open(envelope, branch.sealKey);
      return seal(branch, dataKey, contextHash);
    },
    async check(_key, envelope, contextHash, _deep, scope) {
      await before("check", scope);
      openFor(envelope, branch.sealKey, contextHash);
      return { matches: true, trusted: true, version: "1", reason: undefined, rewrapDue: false, recipients: [] };
    },
    recipientsOf: (_key, envelope) => envelope.recipients.map(() => ({ provider: "fake", kind: "env" })),
    purge: () => undefined,
    keys: () => [{ configuration: key, recipients: [], branchKey: undefined }],
    versions: () => Promise.resolve([{ version: "1", state: "primary" }]),
    rotate: () => Promise.resolve("2"),
    setVersionState: () => Promise.resolve(),
    checkAble: () => undefined,
    probe: () => Promise.resolve(),
    providers: () => [],
    close: () => Promise.resolve(),
  };
}
