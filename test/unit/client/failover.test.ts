// What the client does when daemons fail: who is asked again, where, and how often.

import { connect as connectSocket, createServer, type Server } from "node:net";
import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createClient, type Client, type ClientOptions } from "../../../src/client/index.ts";
import { FakeDaemon, Refusal, reversible } from "./fake-daemon.ts";

let first: FakeDaemon;
let second: FakeDaemon;
const clients: Client[] = [];
const plaintext = Uint8Array.of(1, 2, 3);

function connect(options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ addresses: [first.address, second.address], ...options });
  clients.push(client);
  return client;
}

const wrap = (client: Client): Promise<unknown> => client.wrap({ key: "k", plaintext });
const many = (client: Client, count: number): Promise<unknown[]> =>
  Promise.all(Array.from({ length: count }, () => wrap(client)));

/** Calls one by one until both daemons have answered: the client has a connection to each. */
async function connected(client: Client): Promise<void> {
  await vi.waitFor(async () => {
    await wrap(client);
    expect(Math.min(first.asked.length, second.asked.length)).toBeGreaterThan(0);
  });
  first.asked.length = 0;
  second.asked.length = 0;
}

beforeEach(async () => {
  [first, second] = [new FakeDaemon(), new FakeDaemon()];
  await Promise.all([first.start(), second.start()]);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  first.stop();
  second.stop();
});

describe("several endpoints", () => {
  test("share the calls", async () => {
    const client = connect();
    await connected(client);
    for (let round = 0; round < 20; round++) await wrap(client);
    expect(first.asked.length).toBe(10);
    expect(second.asked.length).toBe(10);
  });

  test("one that dies fails no call, in flight or later", async () => {
    const client = connect();
    await connected(client);
    first.handler = second.handler = () => new Promise(() => undefined);
    const calls = Promise.all([many(client, 50), wrap(client), wrap(client)]);
    await vi.waitFor(() => expect(first.asked.length + second.asked.length).toBe(52));
    const [stuck, other] = first.asked.length > 0 ? [first, second] : [second, first];
    other.handler = reversible;
    stuck.kill();
    await calls;
    await many(client, 20);
    expect(other.asked.length).toBeGreaterThanOrEqual(70);
  });

  test("one that comes back is used again", async () => {
    const client = connect();
    await connected(client);
    first.kill();
    await many(client, 5);
    await first.start();
    first.asked.length = 0;
    await vi.waitFor(
      async () => {
        await wrap(client);
        expect(first.asked.length).toBeGreaterThan(0);
      },
      { timeout: 8_000 },
    );
  });

  test("one that drains is left for another, and its unread calls with it", async () => {
    const client = connect();
    await connected(client);
    first.handler = second.handler = () => new Promise(() => undefined);
    const calls = many(client, 10);
    await vi.waitFor(() => expect(first.asked.length + second.asked.length).toBe(10));
    const [draining, other] = first.asked.length > 0 ? [first, second] : [second, first];
    other.handler = reversible;
    for (const stream of draining.sessions)
      stream.emit("error", draining.trailer(new Refusal("DRAINING", "going away")));
    await calls;
    expect(other.asked.length).toBe(10);
  });

  test("one that takes no connection is given up for the next", async () => {
    const silent: Server = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(first.address.slice(5) + "x", resolve));
    const probe = connectSocket(first.address.slice(5) + "x");
    probe.destroy();
    const client = connect({
      addresses: [`${first.address}x`, second.address],
      connectTimeoutMs: 100,
      timeoutMs: 5_000,
    });
    await many(client, 4);
    await wrap(client);
    expect(second.asked.length).toBe(5);
    silent.close();
    rmSync(first.address.slice(5) + "x", { force: true });
  });

  test("none that answers: each was tried, then the call fails", async () => {
    first.stop();
    second.stop();
    const client = connect({ unreachableMs: 100 });
    await expect(wrap(client)).rejects.toMatchObject({ status: "UNAVAILABLE", reason: undefined, exit: 6 });
  });
});

describe("retries", () => {
  test("a hint is waited for at the same daemon and never fanned out", async () => {
    const client = connect();
    await connected(client);
    const startedMs = performance.now();
    first.handler = second.handler = () => {
      throw new Refusal("PROVIDER_UNAVAILABLE", "provider is down", 30);
    };
    await expect(wrap(client)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE", retryAfterMs: 30, exit: 5 });
    expect([first.asked.length, second.asked.length].sort()).toEqual([0, 5]);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(4 * 30);
  });

  test("a hint beyond the deadline is no reason to wait for it", async () => {
    first.handler = second.handler = () => {
      throw new Refusal("QUOTA", "used up", 900);
    };
    await expect(connect({ timeoutMs: 500 }).wrap({ key: "k", plaintext })).rejects.toMatchObject({ reason: "QUOTA" });
    expect(first.asked.length + second.asked.length).toBe(1);
  });

  test("a daemon that cannot write its audit log is left for another at once", async () => {
    const client = connect();
    await connected(client);
    first.handler = () => {
      throw new Refusal("AUDIT_UNAVAILABLE", "disk full");
    };
    await many(client, 6);
    await many(client, 6);
    expect(second.asked.length).toBe(12);
  });

  test.each(["DENIED", "ENVELOPE_REFUSED", "INTERNAL"] as const)("%s is final", async (reason) => {
    first.handler = second.handler = () => {
      throw new Refusal(reason);
    };
    await expect(wrap(connect())).rejects.toMatchObject({ reason });
    expect(first.asked.length + second.asked.length).toBe(1);
  });

  test("a call that fails in a frame does not disturb the others", async () => {
    const client = connect({ addresses: [first.address] });
    let turn = 0;
    first.handler = (asked) => {
      if (turn++ === 3) throw new Refusal("STORE_UNAVAILABLE", "once");
      return reversible(asked);
    };
    await many(client, 10);
    expect(first.asked.length).toBe(11);
  });

  test("a single daemon that restarts costs no call", async () => {
    const client = connect({ addresses: [first.address] });
    await wrap(client);
    first.handler = () => new Promise(() => undefined);
    const calls = many(client, 3);
    await vi.waitFor(() => expect(first.asked.length).toBe(4));
    first.kill();
    first.handler = reversible;
    await first.start();
    await calls;
  });

  test("the same bytes are sent again", async () => {
    const client = connect({ addresses: [first.address] });
    let failed = false;
    first.handler = (asked) => {
      if (!failed) {
        failed = true;
        throw new Refusal("DRAINING");
      }
      return reversible(asked);
    };
    const { envelope } = await client.wrap({ key: "k", plaintext, context: { a: "b" } });
    expect([...envelope.slice(1)]).toEqual([1, 2, 3]);
    expect(first.asked.map(({ request }) => (request as { context: object }).context)).toEqual([
      { a: "b" },
      { a: "b" },
    ]);
  });
});
