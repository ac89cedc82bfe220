// What a caller is told of an envelope that did not open: more than the one refusal only where it may inspect.

import { describe, expect, test } from "vitest";
import { BrokerError } from "../../../src/errors/index.ts";
import type { Reason } from "../../../src/errors/index.ts";
import { kindName } from "../../../src/envelope/index.ts";
import { perform, rewrap, unwrap, wrap } from "../../../src/operations/index.ts";
import { firstPartyKinds, loadKind } from "../../../src/provider/index.ts";
import { fakeWorld } from "../../fakes/graph.ts";

const bounds = { deadlineMs: Infinity };
const context = { host: "db1" };

/** What rewrap and unwrap say when the broker fails with a reason; `listed`: the configuration has the master key. */
async function messages(reason: Reason, listed: boolean, mayInspect = true): Promise<string[]> {
  const world = fakeWorld();
  const plaintext = Buffer.from("0123456789abcdef");
  const { envelope } = await perform(
    world.service,
    world.graph,
    world.caller,
    wrap,
    { key: "backups/db", plaintext, context },
    bounds,
  );
  if (!mayInspect) world.allowed = ["rewrap", "unwrap"];
  const fail = () => Promise.reject(new BrokerError(reason, "no.", { retryAfterMs: 7 }));
  const recipientsOf = () => [{ provider: listed ? "one" : "", kind: "env" }];
  const graph = { ...world.graph, broker: { ...world.graph.broker, unwrap: fail, rewrap: fail, recipientsOf } };
  const calls = [
    perform(world.service, graph, world.caller, rewrap, { envelope, key: "" }, bounds),
    perform(world.service, graph, world.caller, unwrap, { envelope, key: "", context }, bounds),
  ];
  const errors = await Promise.all(calls.map((call) => call.then(String, (error: unknown) => error as BrokerError)));
  for (const error of errors) expect(error).toMatchObject({ reason, retryAfterMs: 7 });
  return errors.map((error) => (error as BrokerError).message);
}

describe("an envelope that does not open", () => {
  test("names the master key that no provider has any more", async () => {
    const message = "no.; it needs env fake, and key backups/db lists none of them";
    expect(await messages("ENVELOPE_REFUSED", false)).toEqual([message, message]);
  });

  test.each(["KEY_DISABLED", "PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT"] as const)(
    "%s names it too",
    async (reason) => {
      expect(await messages(reason, true)).toEqual(["no.; it needs env fake", "no.; it needs env fake"]);
    },
  );

  test("is refused without a word more when the master key is there: what else is wrong would help to forge", async () => {
    expect(await messages("ENVELOPE_REFUSED", true)).toEqual(["no.", "no."]);
  });

  test("is refused without a word more to callers who may not inspect it", async () => {
    for (const reason of ["ENVELOPE_REFUSED", "PROVIDER_UNAVAILABLE"] as const)
      expect(await messages(reason, false, false)).toEqual(["no.", "no."]);
  });

  test("other failures keep their words", async () => {
    expect(await messages("OVERLOADED", false)).toEqual(["no.", "no."]);
  });
});

test("the registry of kinds names every first-party kind by its number", async () => {
  for (const name of firstPartyKinds) {
    const { kind, number } = await loadKind({ kind: name });
    expect(kindName(number)).toBe(kind);
  }
  expect(kindName(200)).toBe("200");
});
