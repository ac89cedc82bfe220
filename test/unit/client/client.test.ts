// The client against a daemon in this process: what is sent how, and what callers get back.

import { status as grpcStatus } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createClient, KeybrokerError, type Client, type ClientOptions } from "../../../src/client/index.ts";
import { FakeDaemon, Refusal } from "./fake-daemon.ts";

let daemon: FakeDaemon;
let client: Client;
const clients: Client[] = [];

function connect(options: Partial<ClientOptions> = {}): Client {
  const made = createClient({ address: daemon.address, ...options });
  clients.push(made);
  return made;
}

beforeEach(async () => {
  daemon = new FakeDaemon();
  await daemon.start();
  client = connect();
});

afterEach(() => {
  for (const made of clients.splice(0)) made.close();
  daemon.stop();
});

const plaintext = Uint8Array.of(1, 2, 3);
const failure = async (promise: Promise<unknown>): Promise<KeybrokerError> => {
  const error = await promise.then(
    () => expect.unreachable("it should have failed"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KeybrokerError);
  return error as KeybrokerError;
};

describe("operations", () => {
  test("wrap and unwrap round trip, with key and context as given", async () => {
    const { envelope } = await client.wrap({ key: "backups/db", plaintext, context: { host: "db1" } });
    const answer = await client.unwrap({ envelope, key: "backups/db", context: { host: "db1" } });
    expect([...answer.plaintext]).toEqual([1, 2, 3]);
    expect(answer).toMatchObject({ key: "default", rewrapDue: false });
    expect(daemon.asked[0]!.request).toMatchObject({ key: "backups/db", context: { host: "db1" } });
    expect(daemon.asked[1]!.request).toMatchObject({ key: "backups/db", context: { host: "db1" } });
  });

  test("generateDataKey, rewrap and inspect send their fields", async () => {
    await client.generateDataKey({ key: "k", length: 16, withoutPlaintext: true });
    await client.rewrap({ envelope: plaintext, key: "k" });
    await client.inspect({ envelope: plaintext });
    expect(daemon.asked.map(({ name }) => name)).toEqual(["generateDataKey", "rewrap", "inspect"]);
    expect(daemon.asked[0]!.request).toMatchObject({ key: "k", length: 16, withoutPlaintext: true });
    expect(daemon.asked[1]!.request).toMatchObject({ key: "k" });
  });

  test("check names the reason instead of its number", async () => {
    daemon.handler = () => ({ matches: false, reason: 7, recipients: [{ provider: "p", matches: true }] });
    const answer = await client.check({ envelope: plaintext, deep: true });
    expect(answer).toMatchObject({ matches: false, reason: "ENVELOPE_REFUSED" });
    expect(answer.recipients).toMatchObject([{ provider: "p", reason: undefined }]);
  });

  test("listKeys follows the pages", async () => {
    daemon.handler = ({ request }) => {
      const { pageToken } = request as { pageToken: string };
      const keys = [{ name: pageToken || "first", branchKeyCreateTime: { seconds: 60n, nanos: 0 } }];
      return { keys, nextPageToken: pageToken === "" ? "second" : "" };
    };
    const keys = await client.listKeys();
    expect(keys.map(({ name }) => name)).toEqual(["first", "second"]);
    expect(keys[0]!.branchKeyCreatedAt).toEqual(new Date(60_000));
  });

  test("status has dates", async () => {
    daemon.handler = () => ({ version: "1", startTime: { seconds: 1n, nanos: 0 }, providers: [{ name: "p" }] });
    const status = await client.status();
    expect(status).toMatchObject({ version: "1", startedAt: new Date(1000), configurationAt: undefined });
    expect(status.providers).toMatchObject([{ name: "p", lastCallAt: undefined }]);
  });

  test("batch answers in the calls' order, with each failure at its place", async () => {
    daemon.handler = ({ name, request }) => {
      if (name === "unwrap") throw new Refusal("ENVELOPE_REFUSED");
      return { envelope: (request as { plaintext: Uint8Array }).plaintext };
    };
    const [first, second, third] = await client.batch([
      { operation: "wrap", input: { key: "k", plaintext } },
      { operation: "unwrap", input: { envelope: plaintext } },
      { operation: "wrap", input: { key: "k", plaintext: Uint8Array.of(9) } },
    ]);
    expect(first).toMatchObject({ operation: "wrap", output: { envelope: Buffer.from(plaintext) } });
    expect(second!.error).toMatchObject({ reason: "ENVELOPE_REFUSED", exit: 4 });
    expect(third).toMatchObject({ output: { envelope: Buffer.of(9) } });
  });

  test("an input of the wrong type rejects its call alone", async () => {
    const wrong = client.wrap({ key: "k", plaintext: "text" as unknown as Uint8Array });
    await expect(wrong).rejects.toThrow(TypeError);
    await expect(client.wrap({ key: "k", plaintext })).resolves.toBeDefined();
  });
});

describe("unary or Session", () => {
  test("a call on its own is a unary call", async () => {
    await client.wrap({ key: "k", plaintext });
    await client.wrap({ key: "k", plaintext });
    expect(daemon.asked.map(({ framed }) => framed)).toEqual([false, false]);
    expect(daemon.sessionsOpened).toBe(0);
  });

  test("calls of one turn share one frame, and each gets its own answer", async () => {
    const keys = Array.from({ length: 200 }, (_, index) => Uint8Array.of(index));
    const answers = await Promise.all(keys.map((key) => client.wrap({ key: "k", plaintext: key })));
    expect(daemon.frames).toEqual([200]);
    expect(answers.map(({ envelope }) => envelope[1])).toEqual(keys.map(([byte]) => byte));
  });

  test("a call beside another in flight goes through the Session", async () => {
    let release = (): void => undefined;
    daemon.handler = () => new Promise((resolve) => (release = () => resolve({ envelope: plaintext })));
    const first = client.wrap({ key: "k", plaintext });
    await vi.waitFor(() => expect(daemon.asked).toHaveLength(1));
    daemon.handler = () => ({ envelope: plaintext });
    await client.wrap({ key: "k", plaintext });
    expect(daemon.asked.map(({ framed }) => framed)).toEqual([false, true]);
    release();
    await first;
  });

  test("1,000 calls and 4 MiB bound a frame, 1,024 calls the flight", async () => {
    const waiting: (() => void)[] = [];
    daemon.handler = () => new Promise((resolve) => waiting.push(() => resolve({ envelope: plaintext })));
    const calls = Array.from({ length: 2_500 }, () => client.wrap({ key: "k", plaintext }));
    await vi.waitFor(() => expect(waiting).toHaveLength(1024));
    expect(daemon.frames).toEqual([1000, 24]);
    while (waiting.length > 0) {
      waiting.shift()!();
      if (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
      if (daemon.asked.length < 2_500) await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(0));
    }
    await Promise.all(calls);
    expect(Math.max(...daemon.frames)).toBeLessThanOrEqual(1000);

    daemon.frames.length = 0;
    daemon.handler = () => ({ envelope: plaintext });
    await Promise.all(Array.from({ length: 100 }, () => client.wrap({ key: "k", plaintext: new Uint8Array(65_536) })));
    expect(daemon.frames.length).toBeGreaterThan(1);
  });

  test("a request larger than a frame does not end the Session of the others", async () => {
    daemon.handler = ({ framed }) => ({ envelope: Uint8Array.of(Number(framed)) });
    const [large, small] = await Promise.allSettled([
      client.wrap({ key: "k", plaintext: new Uint8Array(4 * 1024 * 1024) }),
      client.wrap({ key: "k", plaintext }),
    ]);
    expect(large.status).toBe("rejected");
    expect(small).toMatchObject({ status: "fulfilled" });
  });

  test("an unused Session ends by itself, and the next one opens when it is needed", async () => {
    const two = (): Promise<unknown> => Promise.all([1, 2].map(() => client.wrap({ key: "k", plaintext })));
    await two();
    expect(daemon.sessions.size).toBe(1);
    await vi.waitFor(() => expect(daemon.sessions.size).toBe(0), { timeout: 5_000 });
    await two();
    expect(daemon.sessionsOpened).toBe(2);
  });
});

describe("errors", () => {
  test.each([false, true])("carry reason, status, message and exit status (framed: %s)", async (framed) => {
    daemon.handler = () => {
      throw new Refusal("DENIED", "no rule allows it");
    };
    const calls = Array.from({ length: framed ? 2 : 1 }, () => client.unwrap({ envelope: plaintext }));
    for (const error of await Promise.all(calls.map(failure)))
      expect(error).toMatchObject({
        reason: "DENIED",
        status: "PERMISSION_DENIED",
        message: "no rule allows it",
        exit: 3,
      });
    expect(daemon.asked).toHaveLength(calls.length);
  });

  test("a status without ErrorInfo is the transport's", async () => {
    daemon.handler = () => {
      throw Object.assign(new Error("proxy says no"), { code: grpcStatus.PERMISSION_DENIED });
    };
    expect(await failure(client.unwrap({ envelope: plaintext }))).toMatchObject({
      reason: undefined,
      status: "PERMISSION_DENIED",
      exit: 6,
    });
  });

  test("a reason of a newer daemon is shown, not tried again, and not taken for the transport's", async () => {
    daemon.handler = () => {
      const refusal = new Refusal("DRAINING", "later");
      const status = refusal.status();
      Object.assign(refusal, { status: () => ({ ...status, details: renamed(status.details) }) });
      throw refusal;
    };
    const error = await failure(client.unwrap({ envelope: plaintext }));
    expect(error).toMatchObject({ reason: undefined, exit: 1 });
    expect(error.message).toContain("DRAINXYZ");
    expect(daemon.asked).toHaveLength(1);
  });

  test("nobody there: UNAVAILABLE and exit status 6", async () => {
    daemon.stop();
    client = connect({ unreachableMs: 1 });
    expect(await failure(client.unwrap({ envelope: plaintext }))).toMatchObject({ status: "UNAVAILABLE", exit: 6 });
    await expect(client.waitUntilReachable(50)).rejects.toMatchObject({ status: "UNAVAILABLE", exit: 6 });
  });
});

/** Same length, so that the encoded ErrorInfo stays well-formed. */
function renamed<Detail extends { value: Uint8Array }>(details: Detail[]): Detail[] {
  return details.map((detail) => ({
    ...detail,
    value: Buffer.from(Buffer.from(detail.value).toString("latin1").replace("DRAINING", "DRAINXYZ"), "latin1"),
  }));
}

describe("bounds", () => {
  test("a call without an answer ends at its deadline, and the daemon was told", async () => {
    daemon.handler = () => new Promise(() => undefined);
    const calls = [40, 60].map((timeoutMs) => failure(client.unwrap({ envelope: plaintext }, { timeoutMs })));
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ status: "DEADLINE_EXCEEDED", exit: 6 });
    const told = daemon.asked.map(({ timeoutMs }) => timeoutMs!);
    expect(Math.max(...told)).toBeLessThanOrEqual(60);
    expect(Math.min(...told)).toBeGreaterThan(0);
    expect(await failure(client.unwrap({ envelope: plaintext }, { timeoutMs: 30 }))).toMatchObject({
      status: "DEADLINE_EXCEEDED",
    });
  });

  test("a signal ends a call with its reason; others go on", async () => {
    const controller = new AbortController();
    const answers: (() => void)[] = [];
    daemon.handler = () => new Promise((resolve) => answers.push(() => resolve({ plaintext })));
    const aborted = client.unwrap({ envelope: plaintext }, { signal: controller.signal });
    const other = client.unwrap({ envelope: plaintext });
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    for (const answer of answers) answer();
    await expect(other).resolves.toMatchObject({ plaintext: Buffer.from(plaintext) });
    await expect(client.unwrap({ envelope: plaintext }, { signal: controller.signal })).rejects.toThrow("enough");
  });

  test("an aborted unary call is cancelled at the daemon", async () => {
    const controller = new AbortController();
    daemon.handler = () => new Promise(() => undefined);
    const call = client.unwrap({ envelope: plaintext }, { signal: controller.signal });
    await vi.waitFor(() => expect(daemon.asked).toHaveLength(1));
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
  });

  test("more calls or bytes than the client may hold are refused at once, and room comes back", async () => {
    const small = connect({ maxCalls: 3 });
    const calls = Array.from({ length: 5 }, () => small.wrap({ key: "k", plaintext }));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    expect((results[3] as PromiseRejectedResult).reason).toMatchObject({ reason: "OVERLOADED", exit: 7 });
    expect(String((results[3] as PromiseRejectedResult).reason)).toMatch(/holds 3 calls.*await answers/);
    await expect(small.wrap({ key: "k", plaintext })).resolves.toBeDefined();

    const light = connect({ maxBytes: 100 });
    expect(await failure(light.wrap({ key: "k", plaintext: new Uint8Array(200) }))).toMatchObject({
      reason: "OVERLOADED",
    });
  });

  test("close rejects what is under way and all that comes after", async () => {
    daemon.handler = () => new Promise(() => undefined);
    const calls = [1, 2, 3].map(() => failure(client.unwrap({ envelope: plaintext })));
    await vi.waitFor(() => expect(daemon.asked).toHaveLength(3));
    client.close();
    client.close();
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ status: "CANCELLED", exit: 1 });
    expect(await failure(client.unwrap({ envelope: plaintext }))).toMatchObject({ status: "CANCELLED" });
  });

  test("options that cannot be meant are refused", () => {
    expect(() => createClient({})).toThrow("give an address");
    expect(() => createClient({ address: "localhost" })).toThrow("host:port");
    expect(() => createClient({ address: "localhost:7443" })).toThrow("TCP needs TLS");
    expect(() => connect({ timeoutMs: 0 })).toThrow(RangeError);
    expect(() => connect({ maxCalls: 1.5 })).toThrow(RangeError);
  });
});
