// The built client library against built daemons: what a process in between would see.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type * as Library from "../../src/client/index.ts";
import { daemonFolder, program, startDaemon, type Daemon } from "../backends/daemon.ts";

const library = pathToFileURL(join(program, "../client/index.js")).href;
const { createClient, KeybrokerError } = (await import(library)) as typeof Library;
let daemon: Daemon;
let client: Library.Client;

beforeAll(async () => {
  daemon = await startDaemon();
  client = createClient({ address: daemon.address });
});

afterAll(async () => {
  client.close();
  await daemon.stop();
});

const dataKeys = (count: number): Uint8Array[] => Array.from({ length: count }, (_, index) => Buffer.alloc(32, index));

test("2,000 calls at once, each with its own answer", async () => {
  const keys = dataKeys(2_000);
  const wrapped = await Promise.all(
    keys.map((plaintext, index) => client.wrap({ key: "default", plaintext, context: { n: String(index) } })),
  );
  const opened = await Promise.all(
    wrapped.map(({ envelope }, index) => client.unwrap({ envelope, key: "default", context: { n: String(index) } })),
  );
  for (const [index, { plaintext }] of opened.entries()) expect(Buffer.compare(plaintext, keys[index]!)).toBe(0);
});

test("large data keys at once stay within the frames' limits", async () => {
  const keys = Array.from({ length: 100 }, (_, index) => Buffer.alloc(65_536, index));
  const wrapped = await Promise.all(keys.map((plaintext) => client.wrap({ key: "default", plaintext })));
  const opened = await Promise.all(wrapped.map(({ envelope }) => client.unwrap({ envelope })));
  for (const [index, { plaintext }] of opened.entries()) expect(Buffer.compare(plaintext, keys[index]!)).toBe(0);
});

test("every operation, and a failure beside successes", async () => {
  const { envelope, plaintext } = await client.generateDataKey({ key: "default", length: 64, context: { a: "b" } });
  expect(plaintext).toHaveLength(64);
  const rewrapped = await client.rewrap({ envelope });
  const answers = await Promise.allSettled([
    client.unwrap({ envelope: rewrapped.envelope, context: { a: "b" } }),
    client.unwrap({ envelope: rewrapped.envelope, context: { a: "c" } }),
    client.wrap({ key: "unknown", plaintext }),
    client.check({ envelope, context: { a: "c" } }),
    client.inspect({ envelope }),
  ]);
  expect((answers[0] as PromiseFulfilledResult<Library.UnwrapOutput>).value.plaintext).toEqual(plaintext);
  for (const [index, reason] of [
    [1, "ENVELOPE_REFUSED"],
    [2, "DENIED"],
  ] as const) {
    const error: unknown = (answers[index] as PromiseRejectedResult).reason;
    expect(error).toBeInstanceOf(KeybrokerError);
    expect(error).toMatchObject({ reason });
  }
  expect(answers[3]).toMatchObject({ value: { matches: false, reason: "ENVELOPE_REFUSED" } });
  expect(answers[4]).toMatchObject({ value: { key: "default", plaintextLength: 64 } });
  const [first, second] = await client.batch([
    { operation: "unwrap", input: { envelope, context: { a: "b" } } },
    { operation: "unwrap", input: { envelope } },
  ]);
  expect(first!.output).toMatchObject({ key: "default" });
  expect(second!.error).toMatchObject({ reason: "ENVELOPE_REFUSED", exit: 4 });
  expect((await client.listKeys()).map(({ name }) => name)).toEqual(["default"]);
  expect(await client.status()).toMatchObject({ realm: "local", providers: [{ kind: "env" }] });
});

test("a daemon that is killed, and one that drains, cost no call while another answers", async () => {
  const folders = [daemonFolder(), daemonFolder()];
  const env = { KEYBROKER_MASTER_KEY: randomBytes(32).toString("base64") };
  const daemons = await Promise.all(folders.map((folder) => startDaemon({ folder, env })));
  const both = createClient({ addresses: daemons.map(({ address }) => address) });
  const { envelope } = await both.wrap({ key: "default", plaintext: Buffer.alloc(32, 1) });
  let going = true;
  let answered = 0;
  const callers = Array.from({ length: 16 }, async () => {
    for (; going; answered++) await both.unwrap({ envelope });
  });
  const progress = async (): Promise<void> => {
    const target = answered + 500;
    await Promise.race([
      Promise.all(callers),
      expect.poll(() => answered, { timeout: 20_000 }).toBeGreaterThan(target),
    ]);
  };
  await progress();
  await daemons[0]!.kill();
  await progress();
  daemons[0] = await startDaemon({ folder: folders[0]!, env });
  await progress();
  await daemons[1]!.stop();
  await progress();
  going = false;
  await Promise.all(callers);
  both.close();
  await daemons[0].stop();
});

test("a process that closes its client ends", async () => {
  const script = `import { createClient } from ${JSON.stringify(library)};
    const client = createClient({ address: ${JSON.stringify(daemon.address)} });
    await Promise.all([1, 2, 3].map(() => client.wrap({ key: "default", plaintext: new Uint8Array(32) })));
    client.close();`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
});
