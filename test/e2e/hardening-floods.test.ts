// Floods of what no client sends, on each kind of listener, briefly: others are answered, memory comes back, and the
// log has one line for a burst. The same for longer, and with 10,000 connections, is in test/long.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { floods, type FloodName } from "../fakes/floods.ts";
import { p99, startFlooded, type Flooded, type Front } from "../fakes/flooded.ts";

const ms = 1_000;
let flooded: Flooded;

beforeAll(async () => {
  flooded = await startFlooded("{ prefaceTimeout: 500ms }");
});
afterAll(() => flooded.stop());

const fronts: Front[] = ["unix", "tls"];

describe.each(fronts)("a flood of the %s listener", (front) => {
  test.each(Object.keys(floods) as FloodName[])("with %s", async (flood) => {
    const { report, tookMs, lines } = await flooded.flood(front, { flood, ms });
    expect(report.opened).toBeGreaterThanOrEqual(floods[flood].connections);
    expect(tookMs.length).toBeGreaterThan(10);
    expect(p99(tookMs)).toBeLessThan(1_000);
    // One for each reason: a flood may overrun the limit of connections and be ended for what it sends, too.
    const told = lines.map((line) => (JSON.parse(line) as { outcome: string }).outcome);
    expect(told).toEqual([...new Set(told)]);
    await flooded.settlesWithin(50);
  });
});

test("connections that say nothing in time are ended, and so are those that send what nobody may", async () => {
  for (const flood of ["silent connections", "half a frame", "rapid reset", "DATA of 1 byte"] as const) {
    const { report } = await flooded.flood("unix", { flood, ms });
    expect(report.ended, flood).toBeGreaterThan(3);
  }
});
