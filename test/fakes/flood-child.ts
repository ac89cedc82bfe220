// A process that floods an address: `node flood-child.ts '{"flood": …, "address": …, "ms": …}'`. Prints what it did.

import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { floods, type Flood, type FloodName } from "./floods.ts";

/** What a run is told. */
export interface FloodOrder {
  readonly flood: FloodName;
  /** `unix:PATH` or `host:port`. */
  readonly address: string;
  readonly ms: number;
  readonly connections?: number;
  /** For a TLS listener; without them the bytes go out in the clear. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** What a run did. */
export interface FloodReport {
  readonly opened: number;
  /** Connections that the other side ended. */
  readonly ended: number;
  readonly written: number;
}

const order = JSON.parse(process.argv[2]!) as FloodOrder;
const flood: Flood = floods[order.flood];
const endMs = performance.now() + order.ms;
const report = { opened: 0, ended: 0, written: 0 };
const target = order.address.startsWith("unix:")
  ? { path: order.address.slice("unix:".length) }
  : { host: order.address.split(":")[0]!, port: Number(order.address.split(":")[1]) };
const files = order.tls && {
  ca: readFileSync(order.tls.ca),
  cert: readFileSync(order.tls.cert),
  key: readFileSync(order.tls.key),
};

function open(): Promise<Socket> {
  return new Promise((resolve) => {
    const settings = { ...target, ...files, ALPNProtocols: ["h2"], servername: "localhost" };
    const secure = files !== undefined && flood.first.length > 0;
    const socket = secure ? connectTls(settings, () => resolve(socket)) : connect(settings, () => resolve(socket));
    socket.on("error", () => resolve(socket)).setNoDelay(true);
  });
}

/** Until the time is over, or the other side hangs up. */
async function abuse(): Promise<void> {
  const socket = await open();
  report.opened++;
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  if (flood.reads) socket.resume();
  socket.write(flood.first);
  for (let round = 0; isOpen(socket) && flood.again !== undefined; round++) {
    const bytes = flood.again(round);
    if (bytes.length === 0) break;
    report.written += bytes.length;
    const free = socket.write(bytes);
    const drained = new Promise<void>((resolve) => (free ? setImmediate(resolve) : socket.once("drain", resolve)));
    await Promise.race([drained, closed, over]);
  }
  await Promise.race([closed, over]);
  if (performance.now() < endMs) report.ended++;
  socket.destroy();
}

const isOpen = (socket: Socket) => !socket.destroyed && socket.writable && performance.now() < endMs;
const over = new Promise<void>((resolve) => setTimeout(resolve, order.ms));

async function connection(): Promise<void> {
  do {
    await abuse();
    // Not as a busy loop where connections are refused.
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 10)), over]);
  } while (flood.comesBack && performance.now() < endMs);
}

await Promise.all(Array.from({ length: order.connections ?? flood.connections }, connection));
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
