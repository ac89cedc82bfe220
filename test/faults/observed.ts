// What a daemon shows of itself from outside: metrics, readiness, and every place where a secret could have leaked to.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findCanaries } from "../backends/canary.ts";
import type { Canary } from "../backends/canary.ts";
import type { Daemon } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";

/** The Prometheus text of a daemon whose configuration has `metrics: { listen: 127.0.0.1:0 }`. */
export async function metricsOf(daemon: Daemon): Promise<string> {
  const address = await until("the monitoring address", () => {
    return /"event":"monitoring","address":"([^"]+)"/.exec(daemon.stderr())?.[1];
  });
  return await (await fetch(`http://${address}/metrics`)).text();
}

/** The sum of a metric's samples that have all of these labels; undefined when there is none. */
export function sumOf(metrics: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name}{`));
  const samples = lines.filter((line) => wanted.every((label) => line.includes(label)));
  if (samples.length === 0) return undefined;
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** Calls to a provider that failed so far, and that were made so far. */
export async function providerCalls(daemon: Daemon, provider: string): Promise<{ failed: number; all: number }> {
  const metrics = await metricsOf(daemon);
  const name = "keybroker_provider_call_seconds_count";
  const all = sumOf(metrics, name, { provider }) ?? 0;
  return { all, failed: all - (sumOf(metrics, name, { provider, outcome: "done" }) ?? 0) };
}

const readiness = ["reachable", "can_wrap", "can_unwrap"];

/** Waits until the daemon says that a provider can be relied on, and answers how long that took. */
export async function untilReady(daemon: Daemon, provider: string, timeoutMs: number): Promise<number> {
  const startedAt = performance.now();
  const isReady = async () => {
    const metrics = await metricsOf(daemon);
    const all = readiness.every((fact) => sumOf(metrics, `keybroker_provider_${fact}`, { provider }) === 1);
    return all ? true : undefined;
  };
  await until(`provider ${provider} ready`, isReady, timeoutMs);
  return performance.now() - startedAt;
}

/** Where any of the canaries shows: the log, what callers were told, the metrics, the audit. Empty when nowhere. */
export async function leaks(daemon: Daemon, canaries: readonly Canary[], told: readonly string[]): Promise<string[]> {
  const audit = join(daemon.folder, "audit");
  const places = new Map<string, Buffer>([
    ["log", Buffer.from(daemon.stderr())],
    ["output", Buffer.from(daemon.stdout())],
    ["errors", Buffer.from(told.join("\n"))],
    ["metrics", Buffer.from(await metricsOf(daemon))],
    ...readdirSync(audit).map((file): [string, Buffer] => [`audit/${file}`, readFileSync(join(audit, file))]),
  ]);
  return findCanaries(canaries, places);
}
