// The metrics of a daemon: counted in plain numbers, told when they are scraped.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { createFamily, count } from "./series.ts";
import type { Family, Series } from "./series.ts";

/** Connections of a listener now. */
interface ConnectionCount {
  readonly listener: string;
  readonly connections: number;
}

/** A provider now. */
interface ProviderState {
  readonly name: string;
  readonly reachable: boolean;
  readonly canWrap: boolean;
  readonly canUnwrap: boolean;
}

/** A sink of the audit now. */
interface AuditSinkState {
  readonly sink: string;
  readonly sent: number;
  readonly failures: number;
  readonly lagBytes: number;
}

/** How many recipients the branch key lacks that a key seals with now. */
interface KeyState {
  readonly key: string;
  readonly missing: number;
}

/** Emergency stops, and whether those of other processes are known. */
interface StopState {
  readonly stops: number;
  readonly storeReachable: boolean;
}

/** Everything that is counted. */
export interface Telemetry {
  /** Counts the calls of a listener: keep the answer, it costs a look-up or two per call. */
  calls(listener: string): (operation: string, outcome: string, seconds: number) => void;
  providerCall(provider: string, operation: string, outcome: string, seconds: number): void;
  branchKey(key: string, outcome: string): void;
  load(key: string, outcome: string): void;
  /** An envelope was sealed for fewer recipients than its key lists. */
  sealedShort(key: string): void;
  /** A provider told of something between calls. */
  notice(provider: string, topic: string, level: string): void;
  refusedConnection(listener: string, why: string): void;
  refusedToken(listener: string, why: string): void;
  /** A file or URL that identities are proven with changed: it is in force, or what was there before still is. */
  trust(what: string, outcome: "renewed" | "kept" | "unreachable"): void;
  reload(done: boolean): void;
  fault(operation: string): void;
  /** Where the gauge of connections comes from. */
  watchConnections(read: () => readonly ConnectionCount[]): void;
  /** Where the gauges of providers and keys come from. */
  watchBroker(read: BrokerReadings): void;
  /** A bound on an identity is near, or was used up. */
  quota(identity: string, key: string, bound: string, event: string): void;
  /** Where the gauges of emergency stops and of the store come from. */
  watchStops(read: () => StopState): void;
  /** Where the figures of the audit's sinks come from. */
  watchSinks(read: () => readonly AuditSinkState[]): void;
  /** Starts measuring the event loop's delay: only where somebody may ask. */
  watchEventLoop(): void;
  stop(): void;
  /** The Prometheus text. Loads its library at the first call. */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** What `scrape` tells, for it and for tests. */
  readonly counts: Counts;
}

/** The counted numbers. */
export interface Counts {
  readonly calls: Family;
  readonly providerCalls: Family;
  readonly branchKeys: Family;
  readonly loads: Family;
  readonly sealedShort: Family;
  readonly notices: Family;
  readonly refusedConnections: Family;
  readonly refusedTokens: Family;
  readonly trust: Family;
  readonly faults: Family;
  readonly quotas: Family;
  stops: () => StopState;
  readonly reloads: { done: number; failed: number; doneAt: number; failedAt: number };
  eventLoop: EventLoopDelay | undefined;
  connections: () => readonly ConnectionCount[];
  broker: BrokerReadings;
  sinks: () => readonly AuditSinkState[];
}

/** Read at each scrape. */
interface BrokerReadings {
  providers(): readonly ProviderState[];
  keys(): readonly KeyState[];
}

type EventLoopDelay = ReturnType<typeof monitorEventLoopDelay>;

/** Milliseconds between two looks at the event loop. */
const eventLoopResolution = 20;

/** Begins to count. */
export function createTelemetry(): Telemetry {
  const counts: Counts = {
    calls: createFamily(["listener", "operation", "outcome"], 1_000),
    providerCalls: createFamily(["provider", "operation", "outcome"], 1_000),
    branchKeys: createFamily(["key", "outcome"], 2_000),
    loads: createFamily(["key", "outcome"], 2_000),
    sealedShort: createFamily(["key"], 2_000),
    notices: createFamily(["provider", "topic", "level"], 200),
    refusedConnections: createFamily(["listener", "why"], 200),
    refusedTokens: createFamily(["listener", "why"], 500),
    trust: createFamily(["what", "outcome"], 50),
    faults: createFamily(["operation"], 100),
    reloads: { done: 0, failed: 0, doneAt: 0, failedAt: 0 },
    eventLoop: undefined,
    connections: () => [],
    broker: { providers: () => [], keys: () => [] },
    sinks: () => [],
    quotas: createFamily(["identity", "key", "bound", "event"], 2_000),
    stops: () => ({ stops: 0, storeReachable: true }),
  };
  return {
    counts,
    calls: (listener) => callCounter(counts.calls, listener),
    providerCall: (...labels) => count(counts.providerCalls.of(labels[0], labels[1], labels[2]), labels[3]),
    branchKey: (key, outcome) => void counts.branchKeys.of(key, outcome).count++,
    load: (key, outcome) => void counts.loads.of(key, outcome).count++,
    sealedShort: (key) => void counts.sealedShort.of(key).count++,
    notice: (provider, topic, level) => void counts.notices.of(provider, topic, level).count++,
    refusedConnection: (listener, why) => void counts.refusedConnections.of(listener, why).count++,
    refusedToken: (listener, why) => void counts.refusedTokens.of(listener, why).count++,
    trust: (what, outcome) => void counts.trust.of(what, outcome).count++,
    fault: (operation) => void counts.faults.of(operation).count++,
    reload: (done) => countReload(counts.reloads, done),
    watchConnections: (read) => void (counts.connections = read),
    watchBroker: (read) => void (counts.broker = read),
    quota: (...labels) => void counts.quotas.of(...labels).count++,
    watchStops: (read) => void (counts.stops = read),
    watchSinks: (read) => void (counts.sinks = read),
    watchEventLoop() {
      counts.eventLoop ??= monitorEventLoopDelay({ resolution: eventLoopResolution });
      counts.eventLoop.enable();
    },
    stop: () => void counts.eventLoop?.disable(),
    async scrape() {
      const { exposition } = await import("./exposition.ts");
      return exposition(counts);
    },
  };
}

/** Two look-ups in small maps, instead of one with a joined name, which would have to be made for every call. */
function callCounter(calls: Family, listener: string): ReturnType<Telemetry["calls"]> {
  const byOperation = new Map<string, Map<string, Series>>();
  return (operation, outcome, seconds) => {
    let byOutcome = byOperation.get(operation);
    if (byOutcome === undefined) byOperation.set(operation, (byOutcome = new Map<string, Series>()));
    let series = byOutcome.get(outcome);
    if (series === undefined) byOutcome.set(outcome, (series = calls.of(listener, operation, outcome)));
    count(series, seconds);
  };
}

function countReload(reloads: Counts["reloads"], done: boolean): void {
  const now = Date.now() / 1000;
  if (done) {
    reloads.done++;
    reloads.doneAt = now;
  } else {
    reloads.failed++;
    reloads.failedAt = now;
  }
}
