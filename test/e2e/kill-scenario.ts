// kill -9 under load, again and again over one state folder: every envelope ever answered still opens.

import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type * as Library from "../../src/client/index.ts";
import { daemonFolder, program, startDaemon } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";

type Client = ReturnType<typeof Library.createClient>;

/** An answer that a caller got, and so may rely on. */
interface Answered {
  readonly envelope: Uint8Array;
  readonly context: Readonly<Record<string, string>>;
  readonly digest: string;
}

const lanes = 8;

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Generates and wraps until the daemon dies; keeps what was answered. */
async function load(client: Client, round: number, answered: Answered[]): Promise<void> {
  const lane = async (number: number) => {
    for (let i = 0; ; i++) {
      const context = { round: `${round}`, lane: `${number}`, call: `${i}` };
      const made = await client.generateDataKey({ key: "default", context }, { timeoutMs: 500 });
      answered.push({ envelope: made.envelope, context, digest: digestOf(made.plaintext) });
    }
  };
  await Promise.allSettled(Array.from({ length: lanes }, (_, number) => lane(number)));
}

async function opens(client: Client, { envelope, context, digest }: Answered): Promise<boolean> {
  const { plaintext } = await client.unwrap({ envelope, context, key: "default" });
  return digestOf(plaintext) === digest;
}

async function openAll(client: Client, answered: readonly Answered[]): Promise<number> {
  let opened = 0;
  for (let at = 0; at < answered.length; at += 500) {
    const part = await Promise.all(answered.slice(at, at + 500).map((answer) => opens(client, answer)));
    opened += part.filter(Boolean).length;
  }
  return opened;
}

/**
 * Kills the daemon so many times and then opens all. The moment of each kill moves through the load: during the
 * start's first calls, later, and in the middle of a burst.
 */
export async function killUnderLoad(kills: number): Promise<void> {
  const { createClient } = (await import(join(program, "../client/index.js"))) as typeof Library;
  const folder = daemonFolder();
  const answered: Answered[] = [];
  try {
    for (let round = 0; round < kills; round++) {
      const daemon = await startDaemon({ folder });
      const client = createClient({ address: daemon.address, maxAttempts: 1 });
      const before = answered.length;
      const loading = load(client, round, answered);
      const wanted = before + 1 + (round % 10) * 20;
      await until(`${wanted - before} answers in round ${round}`, () => (answered.length >= wanted ? true : undefined));
      expect(await daemon.kill()).toEqual({ status: null, signal: "SIGKILL" });
      await loading;
      client.close();
    }
    const daemon = await startDaemon({ folder });
    const client = createClient({ address: daemon.address });
    expect(answered.length).toBeGreaterThan(kills * 10);
    expect(await openAll(client, answered)).toBe(answered.length);
    client.close();
    expect(await daemon.stop()).toEqual({ status: 0, signal: null });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
