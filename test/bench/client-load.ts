// Drives the daemon through the client library, as an application would, and prints what the Go generator prints.
// This process costs more than the server it drives: read the row as what one Node process gets.

import type * as Library from "../../src/client/index.ts";
import { cpuSeconds } from "./proc.ts";

const [library, address, pid, inFlight, warmupMs, measuredMs] = process.argv.slice(2);
const { createClient } = (await import(library!)) as typeof Library;
const client = createClient({ address: address! });
const context = { host: "db1.example", set: "nightly" };
const plaintext = crypto.getRandomValues(new Uint8Array(32));
const { envelope } = await client.wrap({ key: "default", plaintext, context });

let counting = false;
let stopping = false;
const latenciesMs: number[] = [];

async function lane(): Promise<void> {
  while (!stopping) {
    const startedMs = performance.now();
    const answer = await client.unwrap({ envelope, context, key: "default" });
    if (Buffer.compare(answer.plaintext, plaintext) !== 0) throw new Error("wrong answer");
    if (counting) latenciesMs.push(performance.now() - startedMs);
  }
}

const pause = (ms: string | undefined) => new Promise((resolve) => setTimeout(resolve, Number(ms)));
const lanes = Promise.all(Array.from({ length: Number(inFlight) }, lane));
await pause(warmupMs);
const before = { server: cpuSeconds(Number(pid)), client: cpuSeconds(process.pid), ms: performance.now() };
counting = true;
await pause(measuredMs);
counting = false;
const seconds = (performance.now() - before.ms) / 1000;
const serverCpuSeconds = cpuSeconds(Number(pid)) - before.server;
const clientCpuSeconds = cpuSeconds(process.pid) - before.client;
stopping = true;
await lanes;
client.close();

latenciesMs.sort((a, b) => a - b);
const quantile = (q: number) => latenciesMs[Math.floor((latenciesMs.length - 1) * q)] ?? 0;
const ops = latenciesMs.length;
const printed = { ops, seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99), serverCpuSeconds, clientCpuSeconds };
console.log(JSON.stringify(printed));
