import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTelemetry } from "../../../src/telemetry/index.ts";
import type { Telemetry } from "../../../src/telemetry/index.ts";
import { createFamily } from "../../../src/telemetry/series.ts";

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = createTelemetry();
});
afterEach(() => telemetry.stop());

const lines = async () => (await telemetry.scrape()).body.split("\n");
const value = async (start: string) => {
  const found = (await lines()).filter((line) => line.startsWith(start));
  expect(found).toHaveLength(1);
  return Number(found[0]!.split(" ").at(-1));
};

describe("a scrape", () => {
  test("tells calls by listener, operation and outcome, with their times", async () => {
    const observe = telemetry.calls("local");
    observe("unwrap", "done", 0.0002);
    observe("unwrap", "done", 0.02);
    observe("unwrap", "done", 100);
    observe("unwrap", "DENIED", 0.0001);
    const labels = 'listener="local",operation="unwrap",outcome="done"';
    expect(await value(`keybroker_call_seconds_count{${labels}}`)).toBe(3);
    expect(await value(`keybroker_call_seconds_sum{${labels}}`)).toBeCloseTo(100.0202);
    expect(await value(`keybroker_call_seconds_bucket{${labels},le="0.0001"}`)).toBe(0);
    expect(await value(`keybroker_call_seconds_bucket{${labels},le="0.00025"}`)).toBe(1);
    expect(await value(`keybroker_call_seconds_bucket{${labels},le="10"}`)).toBe(2);
    expect(await value(`keybroker_call_seconds_bucket{${labels},le="+Inf"}`)).toBe(3);
    expect(await value('keybroker_call_seconds_count{listener="local",operation="unwrap",outcome="DENIED"}')).toBe(1);
  });

  test("tells the rest", async () => {
    telemetry.providerCall("aws", "wrap", "PROVIDER_TIMEOUT", 5);
    telemetry.branchKey("backups/db", "made");
    telemetry.load("backups/db", "done");
    telemetry.refusedConnection("mesh", "handshake");
    telemetry.fault("unwrap");
    telemetry.reload(true);
    telemetry.reload(false);
    telemetry.watchConnections(() => [{ listener: "mesh", connections: 3 }]);
    telemetry.watchEventLoop();
    expect(await value("keybroker_provider_call_seconds_count{")).toBe(1);
    expect(await value('keybroker_branch_keys_total{key="backups/db",outcome="made"}')).toBe(1);
    expect(await value("keybroker_branch_key_loads_total{")).toBe(1);
    expect(await value('keybroker_connections_refused_total{listener="mesh",why="handshake"}')).toBe(1);
    expect(await value('keybroker_faults_total{operation="unwrap"}')).toBe(1);
    expect(await value('keybroker_reloads_total{outcome="failed"}')).toBe(1);
    expect(await value('keybroker_reload_timestamp_seconds{outcome="done"}')).toBeCloseTo(Date.now() / 1000, -1);
    expect(await value('keybroker_connections{listener="mesh"}')).toBe(3);
    expect(await value("keybroker_process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect((await lines()).filter((line) => line.startsWith("keybroker_event_loop_delay_seconds{"))).toHaveLength(2);
  });

  test("tells how providers and keys are now, under names that alarms can rely on", async () => {
    const state = { name: "aws", reachable: true, canWrap: false, canUnwrap: true };
    const keys = [{ key: "backups/db", missing: 2 }];
    const providers = [state];
    telemetry.watchBroker({ providers: () => providers, keys: () => keys });
    telemetry.sealedShort("backups/db");
    telemetry.notice("aws", "credential-life", "warning");
    expect(await value('keybroker_provider_reachable{provider="aws"}')).toBe(1);
    expect(await value('keybroker_provider_can_wrap{provider="aws"}')).toBe(0);
    expect(await value('keybroker_provider_can_unwrap{provider="aws"}')).toBe(1);
    expect(await value('keybroker_key_recipients_missing{key="backups/db"}')).toBe(2);
    expect(await value('keybroker_envelopes_short_total{key="backups/db"}')).toBe(1);
    const notice = 'provider="aws",topic="credential-life",level="warning"';
    expect(await value(`keybroker_provider_notices_total{${notice}}`)).toBe(1);
    providers[0] = { ...state, reachable: false };
    expect(await value('keybroker_provider_reachable{provider="aws"}')).toBe(0);
  });

  test("is Prometheus text: one HELP and TYPE for each metric", async () => {
    telemetry.calls("local")("wrap", "done", 1);
    const { contentType, body } = await telemetry.scrape();
    expect(contentType).toContain("text/plain; version=0.0.4");
    const types = body.split("\n").filter((line) => line.startsWith("# TYPE "));
    expect(new Set(types).size).toBe(types.length);
    expect(types).toContain("# TYPE keybroker_call_seconds histogram");
    for (const line of body.split("\n")) expect(line).toMatch(/^$|^# |^[a-z_]+(\{[^}]*\})? -?[0-9.e+-]+$/);
  });

  test("follows the counts from scrape to scrape", async () => {
    telemetry.fault("wrap");
    expect(await value("keybroker_faults_total{")).toBe(1);
    telemetry.fault("wrap");
    expect(await value("keybroker_faults_total{")).toBe(2);
  });
});

test("label sets are bounded: what is over the bound shares one", () => {
  const family = createFamily(["operation"], 3);
  for (let index = 0; index < 100; index++) family.of(`made-up-${index}`).count++;
  const series = [...family.series()];
  expect(series.map(({ labels, count }) => [labels["operation"], count])).toEqual([
    ["made-up-0", 1],
    ["made-up-1", 1],
    ["made-up-2", 1],
    ["other", 97],
  ]);
});
