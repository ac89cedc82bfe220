// Wraps and unwraps from several clients, with the calls that reach the backend counted there.

import { rmSync } from "node:fs";
import { createClient } from "../../src/client/index.ts";
import type { Client } from "../../src/client/index.ts";
import { daemonFolder, startDaemon } from "../backends/daemon.ts";
import type { Daemon } from "../backends/daemon.ts";
import { untilReady } from "./observed.ts";
import type { FaultBench, FaultSubject } from "./subject.ts";

/** How a key is configured, and how much is asked of it. */
interface Load {
  readonly operations: number;
  readonly clients: number;
  /** `branchKey` and `unwrapCache` of the key. */
  readonly key: Readonly<Record<string, unknown>>;
}

/** Calls that wrapped and unwrapped. */
interface Calls {
  readonly wraps: number;
  readonly unwraps: number;
}

/** What callers did, and what the backend saw of it. */
export interface Counted {
  /** What callers did; the daemon's own check of each key at its start is one wrap and one unwrap more. */
  readonly asked: Calls;
  /** What the backend saw since before the daemon's start, without the provider's own look at the backend. */
  readonly seen: Calls;
  readonly seconds: number;
}

/** Calls of each client at once. */
const inFlight = 8;
const context = { host: "db1.example" };

/** A backend behind daemons that come and go. */
export interface Counting {
  /** Starts a daemon, wraps and unwraps half of the operations each, compares every data key, and stops it. */
  wrapAndUnwrap(load: Load): Promise<Counted>;
  /** Unwraps what the last `wrapAndUnwrap` left, in a new daemon, again and again, for so long. */
  unwrapFor(load: Omit<Load, "operations">, ms: number): Promise<Counted>;
  stop(): Promise<void>;
}

/** Starts a backend that counts; undefined where it cannot. */
export async function startCounting(subject: FaultSubject): Promise<Counting | undefined> {
  const bench = await subject.start();
  if (bench.calls) return countingOf(bench, () => bench.calls!());
  await bench.stop();
  return undefined;
}

function countingOf(bench: FaultBench, calls: () => Promise<Calls>): Counting {
  let kept: { envelope: Uint8Array; plaintext: Uint8Array } | undefined;

  async function counted(
    load: Omit<Load, "operations">,
    work: (clients: Client[]) => Promise<Calls>,
  ): Promise<Counted> {
    const before = await calls();
    const daemon = await startReady(bench, load.key);
    const clients = Array.from({ length: load.clients }, () => createClient({ address: daemon.address }));
    const startedAt = performance.now();
    try {
      const asked = await work(clients);
      const seconds = (performance.now() - startedAt) / 1_000;
      const after = await calls();
      return { asked, seen: difference(after, before, bench.ownCalls), seconds };
    } finally {
      for (const client of clients) client.close();
      await daemon.stop();
      rmSync(daemon.folder, { recursive: true, force: true });
    }
  }

  return {
    wrapAndUnwrap: (load) =>
      counted(load, async (clients) => {
        let left = load.operations / 2;
        const lane = async (client: Client) => {
          while (left-- > 0) kept = await roundTrip(client);
        };
        await Promise.all(clients.flatMap((client) => Array.from({ length: inFlight }, () => lane(client))));
        return { wraps: load.operations / 2, unwraps: load.operations / 2 };
      }),
    unwrapFor: (load, ms) =>
      counted(load, async (clients) => {
        const endAt = performance.now() + ms;
        let unwraps = 0;
        const lane = async (client: Client) => {
          for (; performance.now() < endAt; unwraps++) await open(client, kept!);
        };
        await Promise.all(clients.flatMap((client) => Array.from({ length: inFlight }, () => lane(client))));
        return { wraps: 0, unwraps };
      }),
    stop: () => bench.stop(),
  };
}

function difference(after: Calls, before: Calls, own: Calls = { wraps: 0, unwraps: 0 }): Calls {
  return { wraps: after.wraps - before.wraps - own.wraps, unwraps: after.unwraps - before.unwraps - own.unwraps };
}

async function roundTrip(client: Client) {
  const plaintext = crypto.getRandomValues(new Uint8Array(32));
  const { envelope } = await client.wrap({ key: "db", plaintext, context });
  await open(client, { envelope, plaintext });
  return { envelope, plaintext };
}

async function open(client: Client, { envelope, plaintext }: { envelope: Uint8Array; plaintext: Uint8Array }) {
  const answer = await client.unwrap({ envelope, key: "db", context });
  if (Buffer.compare(answer.plaintext, plaintext) !== 0) throw new Error("a wrong data key");
}

async function startReady(bench: FaultBench, key: Load["key"]): Promise<Daemon> {
  const configuration = JSON.stringify({
    version: 1,
    realm: "counted",
    providers: { subject: bench.provider },
    keys: { db: { wrapTo: [{ provider: "subject", ...bench.reference }], ...key } },
    listeners: { main: { unix: "keybroker.sock", identity: "backup" } },
    policy: [{ who: "backup", may: ["wrap", "unwrap"], keys: "*" }],
    metrics: { listen: "127.0.0.1:0" },
    // A burst may wait for its turn: what is counted are calls, not time.
    limits: { callTimeout: "1m", providerTimeout: "30s", maxProviderCalls: 16 },
  });
  const env = { ...bench.environment };
  const daemon = await startDaemon({ folder: daemonFolder(), configuration, socket: "keybroker.sock", env });
  await untilReady(daemon, "subject", 20_000);
  return daemon;
}
