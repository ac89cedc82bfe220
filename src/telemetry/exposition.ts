// The Prometheus text: our counts beside the process's own, through prom-client's registry.

import prom from "prom-client";
import type { Family, Series } from "./series.ts";
import { bucketBounds } from "./series.ts";
import type { Counts } from "./telemetry.ts";

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

type Read = () => readonly Sample[];

const registries = new WeakMap<Counts, prom.Registry>();

/** The text of a scrape. */
export async function exposition(counts: Counts): Promise<{ readonly contentType: string; readonly body: string }> {
  let registry = registries.get(counts);
  if (registry === undefined) registries.set(counts, (registry = registryOf(counts)));
  return { contentType: registry.contentType, body: await registry.metrics() };
}

function registryOf(counts: Counts): prom.Registry {
  const registry = new prom.Registry();
  const add = (type: "counter" | "gauge" | "histogram", name: string, help: string, read: Read) =>
    registry.registerMetric(metric(type, `keybroker_${name}`, help, read));
  const { reloads } = counts;
  add("histogram", "call_seconds", "Calls, from request to answer.", distribution("call_seconds", counts.calls));
  add(
    "histogram",
    "provider_call_seconds",
    "Calls to providers.",
    distribution("provider_call_seconds", counts.providerCalls),
  );
  add("counter", "branch_keys_total", "Branch keys made, or why not.", totals(counts.branchKeys));
  add("counter", "branch_key_loads_total", "Branch keys of envelopes unwrapped by a provider.", totals(counts.loads));
  add(
    "counter",
    "envelopes_short_total",
    "Envelopes sealed for fewer recipients than their key lists.",
    totals(counts.sealedShort),
  );
  add(
    "counter",
    "provider_notices_total",
    "What providers told between calls: the log has it.",
    totals(counts.notices),
  );
  addReadings(add, counts);
  addSinks(add, counts);
  add("counter", "connections_refused_total", "Connections refused.", totals(counts.refusedConnections));
  add("counter", "tokens_refused_total", "Bearer tokens refused.", totals(counts.refusedTokens));
  add(
    "counter",
    "trust_changes_total",
    "Certificates, authorities, lists and keys that changed.",
    totals(counts.trust),
  );
  addBounds(add, counts);
  add("counter", "faults_total", "Failures whose cause is in the log.", totals(counts.faults));
  add("gauge", "connections", "Connections now.", () =>
    counts.connections().map(({ listener, connections }) => ({ labels: { listener }, value: connections })),
  );
  add("counter", "reloads_total", "Reloads of the configuration.", () => [
    { labels: { outcome: "done" }, value: reloads.done },
    { labels: { outcome: "failed" }, value: reloads.failed },
  ]);
  add("gauge", "reload_timestamp_seconds", "When a configuration was last taken or refused.", () => [
    { labels: { outcome: "done" }, value: reloads.doneAt },
    { labels: { outcome: "failed" }, value: reloads.failedAt },
  ]);
  add("gauge", "event_loop_delay_seconds", "Delay of the event loop since the last scrape.", eventLoop(counts));
  addProcess(add);
  return registry;
}

/** How providers and keys are now. */
function addReadings(add: (type: "gauge", name: string, help: string, read: Read) => void, counts: Counts): void {
  const provider = (name: string, help: string, field: "reachable" | "canWrap" | "canUnwrap") =>
    add("gauge", `provider_${name}`, help, () =>
      counts.broker.providers().map((state) => ({ labels: { provider: state.name }, value: Number(state[field]) })),
    );
  provider("reachable", "1 when the backend answered the last call or probe.", "reachable");
  provider("can_wrap", "1 when every master key to wrap with is enabled and proven by a round trip.", "canWrap");
  provider("can_unwrap", "1 when every master key of the configuration was found enabled.", "canUnwrap");
  add("gauge", "key_recipients_missing", "Recipients that the branch key lacks which seals now.", () =>
    counts.broker.keys().map(({ key, missing }) => ({ labels: { key }, value: missing })),
  );
}

/** What bounds an identity, and what stops everyone. */
function addBounds(add: (type: "counter" | "gauge", name: string, help: string, read: Read) => void, counts: Counts) {
  const help = "Quotas and limits of an identity that came near or were spent, once in a window each.";
  add("counter", "quota_events_total", help, totals(counts.quotas));
  add("gauge", "stops", "Emergency stops in force.", () => [{ labels: {}, value: counts.stops().stops }]);
  add("gauge", "store_reachable", "1 when the store answered when it was last asked.", () => [
    { labels: {}, value: Number(counts.stops().storeReachable) },
  ]);
}

/** How the audit's sinks are now. */
function addSinks(add: (type: "counter" | "gauge", name: string, help: string, read: Read) => void, counts: Counts) {
  const figure = (type: "counter" | "gauge", name: string, help: string, field: "sent" | "failures" | "lagBytes") =>
    add(type, `audit_sink_${name}`, help, () =>
      counts.sinks().map((state) => ({ labels: { sink: state.sink }, value: state[field] })),
    );
  figure("counter", "sent_total", "Audit records and checkpoints that were sent on.", "sent");
  figure("counter", "failures_total", "Attempts to send audit records on that failed.", "failures");
  figure("gauge", "lag_bytes", "Bytes of audit records that were not sent on yet.", "lagBytes");
}

/** What of the process is worth watching. prom-client's own set starts observers that cost more than we do. */
function addProcess(add: (type: "counter" | "gauge", name: string, help: string, read: Read) => void): void {
  add("counter", "process_cpu_seconds_total", "CPU time.", () => {
    const { user, system } = process.cpuUsage();
    return [{ labels: {}, value: (user + system) / 1e6 }];
  });
  add("gauge", "process_resident_memory_bytes", "Resident memory.", () => [
    { labels: {}, value: process.memoryUsage.rss() },
  ]);
  const startedAt = Date.now() / 1000 - process.uptime();
  add("gauge", "process_start_time_seconds", "When the process started.", () => [{ labels: {}, value: startedAt }]);
}

/** A metric as a registry reads it: prom-client's own count for themselves. */
function metric(type: string, name: string, help: string, read: Read): prom.Metric {
  const get = () => Promise.resolve({ name, help, type, aggregator: "sum", values: read() });
  return { name, help, type, get, reset: () => undefined } as unknown as prom.Metric;
}

function totals(family: Family): Read {
  return () => [...family.series()].map(({ labels, count }) => ({ labels, value: count }));
}

function distribution(name: string, family: Family): Read {
  return () => [...family.series()].flatMap((series) => samplesOf(`keybroker_${name}`, series));
}

function samplesOf(name: string, { labels, count, seconds, buckets }: Series): Sample[] {
  let below = 0;
  const cumulative = buckets.map((value, index) => {
    below += value;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bucketBounds[index] ?? "+Inf" }, value: below };
  });
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels, value: seconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

function eventLoop(counts: Counts): Read {
  return () => {
    const { eventLoop: delay } = counts;
    if (delay === undefined) return [];
    const samples = [0.5, 0.99].map((quantile) => ({
      labels: { quantile },
      value: delay.percentile(quantile * 100) / 1e9,
    }));
    delay.reset();
    return samples;
  };
}
