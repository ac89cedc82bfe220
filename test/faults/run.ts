// Takes one daemon with one provider in strict mode through every fault, and tells what callers saw.

import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import type { Canary } from "../backends/canary.ts";
import { until } from "../backends/until.ts";
import { createClient, KeybrokerError } from "../../src/client/index.ts";
import type { Client } from "../../src/client/index.ts";
import { expected } from "./expected.ts";
import { startFaultDaemon } from "./fault-daemon.ts";
import type { Able, FaultDaemon } from "./fault-daemon.ts";
import { leaks, providerCalls, untilReady } from "./observed.ts";
import { backendHost } from "./subject.ts";
import type { Fault, FaultBench, Injected } from "./subject.ts";

/** No call may take longer, whatever its backend does: the daemon's call timeout and what a busy machine adds. */
export const longestCallMs = 5_000;
/** How long after a fault the daemon may need to find out that the backend is well again. */
const recoveryMs = 20_000;
const hourSeconds = 3_600;

/** What one call under a fault came to. */
interface Answer {
  readonly operation: "wrap" | "unwrap";
  readonly tookMs: number;
  /** Undefined when it succeeded. */
  readonly error: KeybrokerError | undefined;
  /** Whether a data key that was answered, now or from the envelope later, is the right one. */
  readonly right: boolean;
}

/** What a fault came to. */
export interface Outcome {
  readonly hits: number;
  readonly answers: readonly Answer[];
  /** How long after the first calls the daemon said that the provider can be relied on. */
  readonly recoveryMs: number;
  /** The first unwrap and the first wrap after the fault: the error, where one failed. */
  readonly firstCalls: readonly (Error | undefined)[];
  /** Secrets that showed where they may not. */
  readonly leaks: readonly string[];
  /** The daemon is the process that it was. */
  readonly sameProcess: boolean;
}

/** A daemon on its way through the faults. */
export interface FaultRun {
  meet(fault: Fault): Promise<Outcome>;
  /** Ends the daemon in order, and the backend. Answers the daemon's exit status. */
  end(): Promise<number | null>;
}

interface Parts {
  readonly bench: FaultBench;
  readonly able: Able;
  /** The provider's name in the configuration that is in force. */
  provider: string;
  readonly daemon: FaultDaemon;
  /** Tries once. */
  readonly client: Client;
  /** Tries again when an error says when. */
  readonly patient: Client;
  readonly canaries: Canary[];
  readonly told: string[];
}

/** A wrapped data key. */
interface Sample {
  readonly envelope: Uint8Array;
  readonly plaintext: Buffer;
}

const key = "strict";
const context = { host: "db1.example" };

/**
 * Every call reaches the backend: a branch key seals once, and an opened one is not kept. Probes are as rare as they
 * are anywhere, so that recovery does not wait for one.
 */
function configuration(name: string, { provider, providerAt, reference }: FaultBench, able: Able): string {
  return JSON.stringify({
    version: 1,
    realm: "faults",
    providers: { [name]: able.ownHosts && providerAt ? providerAt(backendHost) : provider },
    keys: {
      [key]: {
        wrapTo: [{ provider: name, ...reference }],
        branchKey: { maxWraps: 1 },
        unwrapCache: "none",
      },
    },
    listeners: { main: { unix: "keybroker.sock", identity: "backup", admin: true } },
    policy: [{ who: "backup", may: ["wrap", "unwrap"], keys: "*" }],
    metrics: { listen: "127.0.0.1:0" },
    log: { level: "debug" },
    limits: { providerTimeout: "1s", callTimeout: "4s" },
  });
}

/** Starts the daemon before a bench, which it then owns. */
export async function startRun(bench: FaultBench, able: Able): Promise<FaultRun> {
  const provider = "subject";
  const daemon = await startFaultDaemon(configuration(provider, bench, able), bench.environment ?? {}, able);
  const client = createClient({ address: daemon.address, maxAttempts: 1 });
  const patient = createClient({ address: daemon.address });
  const canaries = bench.secrets.map((text, index) => ({ name: `secret ${index + 1}`, bytes: Buffer.from(text) }));
  const parts: Parts = { bench, able, provider, daemon, client, patient, canaries, told: [] };
  await untilReady(daemon, provider, recoveryMs);
  return {
    meet: (fault) => meet(parts, fault),
    async end() {
      client.close();
      patient.close();
      const { status } = await daemon.stop();
      await bench.stop();
      rmSync(daemon.folder, { recursive: true, force: true });
      return status;
    },
  };
}

async function meet(parts: Parts, fault: Fault): Promise<Outcome> {
  const { daemon, client, canaries, told } = parts;
  const plaintexts = [randomBytes(32), randomBytes(48)] as const;
  for (const bytes of plaintexts) canaries.push({ name: "a data key", bytes });
  // What an earlier fault left behind is that one's to answer for.
  const before = await until("health", () => wrapped(client, plaintexts[0]).catch(() => undefined), recoveryMs);
  const injected = await inject(parts, fault);
  const met = await underFault(client, before, plaintexts[1]);
  const hits = await injected.hits();
  await injected.clear();
  // At once: a caller does not know that the backend is well again, nor does the daemon.
  const first = expected[fault].mayNeedHint ? parts.patient : client;
  const firstCalls = [await failure(opens(first, before)), await failure(wrapped(first, plaintexts[1]))];
  const tookMs = await untilReady(daemon, parts.provider, recoveryMs);
  const answers = [met.unwrap, await proven(client, met.wrap)];
  told.push(...answers.flatMap(({ error }) => (error ? [textOf(error)] : [])));
  return {
    hits,
    answers,
    recoveryMs: tookMs,
    firstCalls,
    leaks: await leaks(daemon, canaries, told),
    sameProcess: daemon.exit() === undefined,
  };
}

async function underFault(client: Client, before: Sample, plaintext: Buffer) {
  const unwrap = await timed("unwrap", async () => ({ right: await opens(client, before), made: undefined }));
  const wrap = await timed("wrap", async () => ({ right: true, made: await wrapped(client, plaintext) }));
  return { unwrap, wrap };
}

interface Timed extends Answer {
  readonly made: Sample | undefined;
}

async function timed(
  operation: Answer["operation"],
  work: () => Promise<{ right: boolean; made: Sample | undefined }>,
): Promise<Timed> {
  const startedAt = performance.now();
  const tookMs = () => performance.now() - startedAt;
  try {
    return { operation, error: undefined, ...(await work()), tookMs: tookMs() };
  } catch (error) {
    if (!(error instanceof KeybrokerError)) throw error;
    return { operation, error, right: true, made: undefined, tookMs: tookMs() };
  }
}

/** An envelope that was made under a fault is right when it opens without it. */
async function proven(client: Client, { made, ...answer }: Timed): Promise<Answer> {
  return made ? { ...answer, right: await opens(client, made) } : answer;
}

async function wrapped(client: Client, plaintext: Buffer): Promise<Sample> {
  const { envelope } = await client.wrap({ key, plaintext, context });
  return { envelope, plaintext };
}

async function opens(client: Client, { envelope, plaintext }: Sample): Promise<boolean> {
  const answer = await client.unwrap({ envelope, key, context });
  return plaintext.equals(answer.plaintext);
}

async function failure(call: Promise<unknown>): Promise<Error | undefined> {
  try {
    return (await call) === false ? new Error("a wrong data key") : undefined;
  } catch (error) {
    return error as Error;
  }
}

function textOf(error: Error): string {
  return `${error.message}\n${error.stack}\n${JSON.stringify(error)}`;
}

/** A fault in force, wherever it was brought about. */
interface InForce extends Omit<Injected, "hits"> {
  hits(): number | Promise<number>;
}

async function inject(parts: Parts, fault: Fault): Promise<InForce> {
  if (fault === "clock an hour off") return await ownFault(parts, "all", (on) => clock(parts, on));
  if (fault === "DNS failure") return await ownFault(parts, "failed", (on) => names(parts, on));
  return await parts.bench.inject(fault);
}

function clock({ daemon }: Parts, wrong: boolean): Promise<void> {
  return Promise.resolve(daemon.setClock(wrong ? hourSeconds : 0));
}

async function names(parts: Parts, unknown: boolean): Promise<void> {
  const { daemon, bench } = parts;
  daemon.resolve(!unknown);
  if (!unknown) return;
  if (bench.dropConnections) return await bench.dropConnections();
  // Under another name it is another provider, which has yet to find its host.
  parts.provider = "renamed";
  await daemon.reload(configuration(parts.provider, bench, parts.able));
}

/** The backend does not see these: the daemon's own count of its calls tells what met them. */
async function ownFault(
  parts: Parts,
  counted: "all" | "failed",
  turn: (on: boolean) => Promise<void>,
): Promise<InForce> {
  const count = async () => (await providerCalls(parts.daemon, parts.provider))[counted];
  const was = { provider: parts.provider, calls: await count() };
  await turn(true);
  return {
    hits: async () => (await count()) - (parts.provider === was.provider ? was.calls : 0),
    clear: () => turn(false),
  };
}
