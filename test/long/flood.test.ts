// Floods of what no client sends, at length: others are answered, memory comes back, and the log does not grow.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { floods, type FloodName } from "../fakes/floods.ts";
import { p99, startFlooded, type Flooded, type Front } from "../fakes/flooded.ts";

const fronts: Front[] = ["unix", "tls"];
let flooded: Flooded;

describe.each([
  ["256 connections, by default", 256],
  // As many as the flood has; each ends when it has said nothing for a second.
  ["12,000 connections", 12_000],
])("a daemon that takes %s", (_, maxConnections) => {
  beforeAll(async () => {
    flooded = await startFlooded("{ prefaceTimeout: 1s, idleTimeout: 5s }", maxConnections);
  });
  afterAll(() => flooded.stop());

  describe.each(fronts)("flooded for 10 s on the %s listener", (front) => {
    test.each(Object.keys(floods) as FloodName[])("with %s", async (flood) => {
      const { report, tookMs, lines } = await flooded.flood(front, { flood, ms: 10_000 });
      expect(report.opened).toBeGreaterThanOrEqual(floods[flood].connections);
      expect(p99(tookMs)).toBeLessThan(1_000);
      expect(lines.length).toBeLessThanOrEqual(2);
      await flooded.settlesWithin(50);
    });
  });

  test("10,000 connections that say nothing are ended, and others are answered meanwhile", async () => {
    const order = { flood: "silent connections", connections: 10_000, ms: 20_000 } as const;
    const { report, tookMs } = await flooded.flood("unix", order);
    expect(report.ended).toBeGreaterThan(10_000);
    expect(p99(tookMs)).toBeLessThan(1_000);
    await flooded.settlesWithin(50);
  });
});
