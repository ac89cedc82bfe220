// Floods of what no client sends: the daemon stays small and keeps answering everyone else.

import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type * as Library from "../../src/client/index.ts";
import { program, startDaemon, type Daemon } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";
import { memoryMb } from "../bench/proc.ts";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** An HTTP/2 frame's head and body. */
function frame(type: number, flags: number, stream: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(9 + body.length);
  bytes.writeUIntBE(body.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(body, 9);
  return bytes;
}

const settings = frame(4, 0, 0, Buffer.alloc(0));
const start = Buffer.concat([preface, settings]);

let daemon: Daemon;
let sockets: Socket[];
let client: ReturnType<typeof Library.createClient>;

beforeEach(async () => {
  daemon = await startDaemon();
  sockets = [];
  const { createClient } = (await import(join(program, "../client/index.js"))) as typeof Library;
  client = createClient({ address: daemon.address });
  await answers();
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  client.close();
  expect(await daemon.stop()).toEqual({ status: 0, signal: null });
});

async function answers(): Promise<true> {
  const { envelope } = await client.wrap({ key: "default", plaintext: new Uint8Array(32).fill(3) });
  expect(envelope.length).toBeGreaterThan(100);
  return true;
}

function open(first: Buffer): Socket {
  const socket = connect(daemon.address.replace("unix:", "")).on("error", () => undefined);
  socket.resume().write(first);
  sockets.push(socket);
  return socket;
}

/** Writes the same bytes as fast as they are taken, until the daemon hangs up or the time is over. */
async function pour(socket: Socket, bytes: Buffer, ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  while (!socket.destroyed && performance.now() < endMs) {
    if (!socket.write(bytes)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  }
}

const once = (socket: Socket, event: string) => new Promise<void>((resolve) => socket.once(event, () => resolve()));

async function staysSmall(): Promise<void> {
  expect(memoryMb(daemon.pid, "VmRSS")).toBeLessThan(400);
  await until("an answer to others", answers);
}

// What the listener may take at once is its maxConnections; the client has one of them.
test.each([
  ["silent", Buffer.alloc(0)],
  ["that say the preface only", preface],
  ["that send half a frame", start.subarray(0, start.length - 3)],
])("200 connections %s do not keep others out, and are closed", async (_, first) => {
  for (let i = 0; i < 200; i++) open(first);
  await answers();
  const closed = () => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length;
  await until("the daemon hangs up", () => (closed() === 200 ? true : undefined), 400_000);
  await staysSmall();
});

test.each([
  ["PING frames", Buffer.concat(Array.from({ length: 1000 }, () => frame(6, 0, 0, Buffer.alloc(8))))],
  ["SETTINGS frames", Buffer.concat(Array.from({ length: 1000 }, () => settings))],
  [
    "DATA of a stream that is not open",
    Buffer.concat(Array.from({ length: 1000 }, () => frame(0, 0, 1, Buffer.of(1)))),
  ],
  ["CONTINUATION frames", Buffer.concat(Array.from({ length: 1000 }, () => frame(9, 0, 1, Buffer.alloc(64))))],
])("a flood of %s", async (_, bytes) => {
  await Promise.all(Array.from({ length: 4 }, () => pour(open(start), bytes, 5000)));
  await staysSmall();
});

test("rapid reset: streams opened and cancelled at once", async () => {
  const session = connectHttp2("http://localhost", { createConnection: () => open(Buffer.alloc(0)) });
  session.on("error", () => undefined);
  const endMs = performance.now() + 5000;
  let opened = 0;
  while (performance.now() < endMs && !session.destroyed) {
    for (let i = 0; i < 50 && !session.destroyed; i++, opened++) {
      const headers = {
        ":method": "POST",
        ":path": "/keybroker.v1.KeyService/Wrap",
        "content-type": "application/grpc",
      };
      const stream = session.request(headers).on("error", () => undefined);
      stream.close(8);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(opened).toBeGreaterThan(100);
  session.destroy();
  await staysSmall();
});

test("a length prefix of 2 GiB is refused before it is believed", async () => {
  const session = connectHttp2("http://localhost", { createConnection: () => open(Buffer.alloc(0)) });
  session.on("error", () => undefined);
  const headers = { ":method": "POST", ":path": "/keybroker.v1.KeyService/Unwrap", "content-type": "application/grpc" };
  const stream = session.request({ ...headers, te: "trailers" });
  const status = new Promise<unknown>((resolve) => {
    stream.on("response", (answer) => answer["grpc-status"] !== undefined && resolve(answer["grpc-status"]));
    stream.on("trailers", (trailers: IncomingHttpHeaders) => resolve(trailers["grpc-status"]));
    stream.on("error", () => resolve("reset"));
  });
  stream.resume().write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
  expect(["8", "reset"]).toContain(await status);
  session.destroy();
  await staysSmall();
});
