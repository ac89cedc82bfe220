// Long load and what grows under it: memory and descriptors settle, and nothing is lost or wrong.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type * as Library from "../../src/client/index.ts";
import { program, startDaemon, type Daemon } from "../backends/daemon.ts";
import { memoryMb } from "../bench/proc.ts";

type Client = ReturnType<typeof Library.createClient>;

async function connect(daemon: Daemon): Promise<Client> {
  const { createClient } = (await import(join(program, "../client/index.js"))) as typeof Library;
  return createClient({ address: daemon.address });
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Wraps and unwraps so many times, 64 at once, with a context that differs every time. */
async function turn(client: Client, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const lanes = Array.from({ length: 64 }, async (_, lane) => {
      const context = { host: `db${lane}`, round: `${round}` };
      const plaintext = crypto.getRandomValues(new Uint8Array(1 + ((round * 64 + lane) % 512)));
      const { envelope } = await client.wrap({ key: "default", plaintext, context });
      const answer = await client.unwrap({ envelope, context });
      return Buffer.compare(answer.plaintext, plaintext) === 0;
    });
    expect((await Promise.all(lanes)).every(Boolean)).toBe(true);
  }
}

test("memory and descriptors stay level over 1.5 million calls", async () => {
  const daemon = await startDaemon();
  const client = await connect(daemon);
  await turn(client, 2000);
  const before = { mb: memoryMb(daemon.pid, "VmRSS"), descriptors: descriptors(daemon.pid) };
  for (let part = 0; part < 5; part++) await turn(client, 2000);
  expect(memoryMb(daemon.pid, "VmRSS")).toBeLessThan(before.mb + 40);
  expect(descriptors(daemon.pid)).toBeLessThanOrEqual(before.descriptors + 2);
  client.close();
  expect(await daemon.stop()).toEqual({ status: 0, signal: null });
});

test("10,000 connections that come and go leave nothing behind", async () => {
  const daemon = await startDaemon();
  await (await connect(daemon)).wrap({ key: "default", plaintext: new Uint8Array(32).fill(1) });
  const before = descriptors(daemon.pid);
  for (let i = 0; i < 1000; i++) {
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(daemon)));
    await Promise.all(clients.map((client) => client.wrap({ key: "default", plaintext: new Uint8Array(32).fill(2) })));
    for (const client of clients) client.close();
  }
  expect(descriptors(daemon.pid)).toBeLessThan(before + 20);
  expect(await daemon.stop()).toEqual({ status: 0, signal: null });
});
