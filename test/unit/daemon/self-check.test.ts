import { describe, expect, test } from "vitest";
import type { Broker } from "../../../src/broker/index.ts";
import type { KeyConfiguration } from "../../../src/config/index.ts";
import { selfCheck } from "../../../src/daemon/self-check.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { fakeWorld } from "../../fakes/graph.ts";

const working = fakeWorld().graph.broker;
const key = (name: string, more: object = {}) => ({ name, verifyWrap: true, ...more }) as KeyConfiguration;
const check = (broker: Broker, ...keys: KeyConfiguration[]) => selfCheck(broker, keys, 1_000);

describe("the self-check", () => {
  test("finds nothing wrong with keys that give back what they were given", async () => {
    const keys = Array.from({ length: 20 }, (_, index) => key(`key-${index}`));
    const found = await check(working, ...keys);
    expect(found.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(found).toHaveLength(20);
  });

  test("names the key that gives back another data key, and wipes it", async () => {
    const dataKey = Buffer.alloc(32, 7);
    const unwrap = () => Promise.resolve({ dataKey, version: "1", rewrapDue: false });
    const [found] = await check({ ...working, unwrap }, key("db"));
    expect(found!.error).toMatchObject({ name: "SelfCheckError", message: expect.stringContaining("db") as string });
    expect(dataKey.every((byte) => byte === 0)).toBe(true);
  });

  test("goes on with the others when one fails", async () => {
    const down = new BrokerError("PROVIDER_UNAVAILABLE", "down");
    const wrap: Broker["wrap"] = (asked, ...rest) =>
      asked.name === "down" ? Promise.reject(down) : working.wrap(asked, ...rest);
    const found = await check({ ...working, wrap }, key("one"), key("down"), key("two"));
    expect(Object.fromEntries(found.map((one) => [one.key, one.error]))).toEqual({
      one: undefined,
      down,
      two: undefined,
    });
  });

  test("does not unwrap on a host that may only encrypt", async () => {
    const unwrap = () => Promise.reject(new Error("asked to unwrap"));
    const [found] = await check({ ...working, unwrap }, key("db", { verifyWrap: false }));
    expect(found!.error).toBeUndefined();
  });
});
