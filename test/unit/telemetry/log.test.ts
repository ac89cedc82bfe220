import { describe, expect, test } from "vitest";
import { BrokerError } from "../../../src/errors/index.ts";
import { createLog } from "../../../src/telemetry/index.ts";
import type { LogFields, LogLevel } from "../../../src/telemetry/index.ts";
import { createBursts, oncePerBurst } from "../../../src/telemetry/bursts.ts";

const canary = "c4n4ry-5ecret";

function logTo(options: { level?: LogLevel; text?: boolean } = {}) {
  const lines: string[] = [];
  const log = createLog({ level: "info", text: false, stream: { write: (line) => void lines.push(line) }, ...options });
  return { log, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

function recordOf(fields: LogFields | object): Record<string, unknown> {
  const { log, records } = logTo();
  log.info("event", fields);
  return records()[0]!;
}

describe("a record", () => {
  test("is one JSON line with level, time and event first", () => {
    const { log, lines, records } = logTo();
    log.warn("provider-call-failed", { provider: "aws", outcome: "PROVIDER_TIMEOUT" });
    expect(lines[0]).toMatch(
      /^\{"level":"warn","time":"\d{4}-\d\d-\d\dT[\d:.]+Z","event":"provider-call-failed",.*\}\n$/,
    );
    expect(records()[0]).toMatchObject({ provider: "aws", outcome: "PROVIDER_TIMEOUT" });
  });

  test("holds listed fields alone, whatever it is given", () => {
    const fields = { key: "backups/db", plaintext: canary, request: { plaintext: canary }, context: { host: canary } };
    expect(JSON.stringify(recordOf(fields))).not.toContain(canary);
    expect(recordOf(fields)["key"]).toBe("backups/db");
  });

  test("holds no object where a word is expected", () => {
    expect(recordOf({ key: { toJSON: () => canary }, message: Buffer.from(canary) })).toEqual({
      level: "info",
      time: expect.any(String) as string,
      event: "event",
    });
  });

  test("is bounded, and cannot forge another", () => {
    const { message } = recordOf({ message: `a\n{"level":"error"}\u001b[31m\u2028${"x".repeat(1_000)}` });
    expect(message).toMatch(/^a \{"level":"error"\} \[31m x+…$/);
    expect((message as string).length).toBeLessThan(450);
  });
});

describe("an error in a record", () => {
  const errorOf = (error: unknown) => recordOf({ error })["error"] as Record<string, unknown>;

  test("of ours has its reason and message, and its causes", () => {
    const cause = Object.assign(new Error(`connect ECONNREFUSED 10.0.0.1:443`), { code: "ECONNREFUSED" });
    expect(errorOf(new BrokerError("PROVIDER_UNAVAILABLE", "aws is down", { cause }))).toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: "aws is down",
      causes: [{ code: "ECONNREFUSED", message: "connect ECONNREFUSED 10.0.0.1:443" }],
    });
  });

  test.each([
    ["a library's", new Error(`bad request: ${canary}`)],
    ["a library's own kind", Object.assign(new Error(`Received '${canary}'`), { name: "ValidationException" })],
    [
      "Node's, which quotes arguments",
      Object.assign(new TypeError(canary), { code: "ERR_INVALID_ARG_VALUE", name: "X" }),
    ],
    ["a parser's", new SyntaxError(`Unexpected token '${canary}'`)],
    ["no error at all", canary],
    ["an object", { message: canary }],
  ])("that is %s gives no message away", (_what, error) => {
    expect(JSON.stringify(errorOf(error))).not.toContain(canary);
    const wrapped = new BrokerError("INTERNAL", "failed", { cause: error });
    expect(JSON.stringify(errorOf(wrapped))).not.toContain(canary);
  });

  test("that is unknown still says where it came from", () => {
    expect(errorOf(new Error(canary))["at"]).toEqual(expect.arrayContaining([expect.stringContaining("log.test.ts")]));
  });

  test("with a name or stack that holds a message gives it not away either", () => {
    const error = new Error(`${canary}\n    at ${canary} (file.js:1:1)x`);
    expect(JSON.stringify(errorOf(error))).not.toContain(canary);
  });

  test("may be its own cause", () => {
    const error = new BrokerError("INTERNAL", "failed");
    Object.defineProperty(error, "cause", { value: error });
    expect(errorOf(error)).toMatchObject({ reason: "INTERNAL" });
  });
});

describe("the level", () => {
  test("keeps the lesser out, and may change", () => {
    const { log, records } = logTo({ level: "warn" });
    log.info("quiet");
    log.setLevel("debug");
    log.debug("loud");
    expect(records().map(({ event }) => event)).toEqual(["loud"]);
  });
});

test("on a terminal a record is a line of text", () => {
  const { log, lines } = logTo({ text: true });
  log.warn("listening", { message: "all is well", address: "unix:/a b.sock", changed: ["x"] });
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} warn {2}listening all is well address="unix:\/a b.sock" changed=\["x"\]\n$/,
  );
});

describe("bursts", () => {
  test("of one event are cut and counted; other events are not touched", () => {
    let nowMs = 0;
    const bursts = createBursts(() => nowMs);
    const admitted = Array.from({ length: 100 }, () => bursts.admit("refused")).filter((one) => one !== undefined);
    expect(admitted).toEqual(Array(20).fill(0));
    expect(bursts.admit("other")).toBe(0);
    nowMs += 5_000;
    expect(bursts.admit("refused")).toBe(80);
    expect(bursts.admit("refused")).toBeUndefined();
    nowMs += 3_600_000;
    expect(Array.from({ length: 25 }, () => bursts.admit("refused")).filter((one) => one !== undefined)).toHaveLength(
      20,
    );
  });

  test("that others cause are told of when they begin, and once a minute while they last", () => {
    let nowMs = 0;
    const bursts = oncePerBurst(() => nowMs);
    const during = (ms: number, stepMs: number, event = "mesh handshake") => {
      const told: (number | undefined)[] = [];
      for (const endMs = nowMs + ms; nowMs < endMs; nowMs += stepMs) told.push(bursts.admit(event));
      return told.filter((one) => one !== undefined);
    };
    expect(during(59_000, 100)).toEqual([0]);
    expect(bursts.admit("mesh connections")).toBe(0);
    expect(during(10_000, 100)).toEqual([599]);
    nowMs += 10_000;
    expect(during(1_000, 500)).toEqual([89]);
    nowMs += 3_600_000;
    expect(during(100, 100)).toEqual([1]);
  });

  test("show in the next record", () => {
    const { log, records } = logTo();
    for (let index = 0; index < 50; index++) log.info("refused");
    expect(records()).toHaveLength(20);
  });
});
