// "No such key" and "not yours" take the same time: medians over many calls that take turns, with a wide margin.

import { expect, it } from "vitest";
import { isBrokerError } from "../../../src/errors/index.ts";
import { perform, wrap } from "../../../src/operations/index.ts";
import { createPolicy } from "../../../src/policy/index.ts";
import { fakeWorld } from "../../fakes/graph.ts";
import { ruleOf } from "./rules.ts";

const rounds = 1_500;
const keyNames = Array.from({ length: 1_000 }, (_, index) => `backups/k${index}`);

/** Microseconds, the median, of denied calls for keys that exist and for keys that do not. */
async function medians(leakMicros: number): Promise<{ existing: number; missing: number }> {
  const world = fakeWorld();
  const configuration = world.graph.broker.key("backups/db")!;
  const keys = new Map(keyNames.map((name) => [name, { ...configuration, name }]));
  const policy = createPolicy([
    ruleOf({ who: ["alice"], may: ["wrap"], keys: ["other/*", "backups/other/*"] }),
    ruleOf({ who: ["bob"], may: ["wrap"], keys: ["backups/*"] }),
  ]);
  const key = (name: string) => {
    const found = keys.get(name);
    if (found !== undefined) spin(leakMicros);
    return found;
  };
  const graph = { ...world.graph, policy, broker: { ...world.graph.broker, key } };
  const timeOf = async (name: string): Promise<number> => {
    const request = { key: name, plaintext: new Uint8Array(32), context: { host: "db1" } };
    const startedMs = performance.now();
    const error: unknown = await perform(world.service, graph, world.caller, wrap, request, {
      deadlineMs: Infinity,
    }).catch((thrown: unknown) => thrown);
    const took = (performance.now() - startedMs) * 1_000;
    if (!isBrokerError(error) || error.reason !== "DENIED") throw new Error(`${name} was not denied`);
    return took;
  };
  const taken = { existing: [] as number[], missing: [] as number[] };
  for (let round = -200; round < rounds; round++) {
    // Which comes first changes from round to round, so that what the machine does meanwhile hits both alike.
    const number = (round + 200) % keyNames.length;
    const pair = [
      ["existing", `backups/k${number}`],
      ["missing", `backups/m${number}`],
    ] as const;
    for (const [kind, name] of round % 2 === 0 ? pair : pair.toReversed()) {
      const took = await timeOf(name);
      if (round >= 0) taken[kind].push(took);
    }
  }
  return { existing: median(taken.existing), missing: median(taken.missing) };
}

function spin(micros: number): void {
  const endMs = performance.now() + micros / 1_000;
  while (micros > 0 && performance.now() < endMs);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Far more than two medians of equal work differ by, and far less than a lookup of anything outside of memory. */
const margin = 1.4;

it("a denied call takes as long for a key that exists as for one that does not", async () => {
  const { existing, missing } = await medians(0);
  expect(existing / missing).toBeGreaterThan(1 / margin);
  expect(existing / missing).toBeLessThan(margin);
});

it("and the measurement would tell if a key that exists took longer", async () => {
  const { missing } = await medians(0);
  const leaking = await medians(missing);
  expect(leaking.existing / leaking.missing).toBeGreaterThan(margin);
});
