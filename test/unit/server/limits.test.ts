import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectHttp2, constants } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Metadata, status } from "@grpc/grpc-js";
import type { Configuration } from "../../../src/config/configuration.ts";
import type { Listeners } from "../../../src/server/index.ts";
import { frame, frames, grpcMessage, openCall, opening, streamId } from "../../fakes/http2-frames.ts";
import { configurationOf, Setting, TestClient, testFolder, until, unixListener } from "./setting.ts";

let place: ReturnType<typeof testFolder>;
let path: string;
let listeners: Listeners;
let setting: Setting;
const opened: { close(): unknown }[] = [];

beforeEach(() => {
  place = testFolder();
  path = join(place.folder, "kb.sock");
});
afterEach(async () => {
  for (const one of opened.splice(0)) one.close();
  await listeners.close(0);
  place.remove();
});

async function open(limits: Partial<Configuration["limits"]> = {}, listener: object = {}): Promise<void> {
  const configuration = configurationOf([unixListener(path, listener)], [], limits);
  setting = new Setting(configuration);
  listeners = await setting.open(configuration);
}

function client(options: object = {}): TestClient {
  const made = new TestClient(`unix:${path}`, undefined, options);
  opened.push(made);
  return made;
}

function raw(...bytes: (string | Buffer)[]): { socket: Socket; closed: Promise<void> } {
  const socket = connect(path);
  opened.push({ close: () => socket.destroy() });
  socket.on("error", () => undefined).resume();
  for (const part of bytes) socket.write(part);
  return { socket, closed: new Promise((resolve) => socket.once("close", () => resolve())) };
}

async function session(): Promise<ClientHttp2Session> {
  const made = connectHttp2("http://localhost", { createConnection: () => connect(path) });
  opened.push({ close: () => made.destroy() });
  made.on("error", () => undefined);
  await new Promise((resolve) => made.once("remoteSettings", resolve));
  return made;
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

describe("the preface", () => {
  test("a connection that says nothing is ended within the deadline", async () => {
    await open({ prefaceTimeoutMs: 100 });
    await raw().closed;
    await until(() => listeners.list()[0]!.connections() === 0, "the connection's end");
    expect(setting.told).toEqual(["local preface"]);
  });

  test("one that its client ends before is not spoken of", async () => {
    await open({ prefaceTimeoutMs: 60_000 });
    const { socket, closed } = raw();
    await until(() => listeners.list()[0]!.connections() === 1, "the connection");
    socket.destroy();
    await closed;
    await until(() => listeners.list()[0]!.connections() === 0, "the connection's end");
    expect(setting.told).toEqual([]);
  });

  test("so is one that sends it byte by byte and stops", async () => {
    await open({ prefaceTimeoutMs: 100 });
    await raw(preface.slice(0, 23)).closed;
  });

  test.each([
    ["the preface alone", []],
    ["half a frame's header", [0, 0, 0, 4]],
    ["half a SETTINGS frame", [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3]],
  ])("so is one that sends %s", async (_what, bytes) => {
    await open({ prefaceTimeoutMs: 100 });
    await raw(preface, Buffer.from(bytes)).closed;
  });

  test.each([
    ["a frame that is no SETTINGS", [0, 0, 0, 1, 0, 0, 0, 0, 0]],
    ["SETTINGS of 16 MiB", [255, 255, 255, 4, 0, 0, 0, 0, 0]],
  ])("%s behind it is ended at once", async (_what, bytes) => {
    await open({ prefaceTimeoutMs: 60_000 });
    await raw(preface, Buffer.from(bytes)).closed;
  });

  test("another protocol is ended at once", async () => {
    await open({ prefaceTimeoutMs: 60_000 });
    await raw("GET / HTTP/1.1\r\n\r\n").closed;
  });

  test("a split preface is put together again", async () => {
    await open();
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const { socket } = raw(preface.slice(0, 5));
    const answered = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    await until(() => listeners.list()[0]!.connections() === 1, "the connection");
    socket.write(preface.slice(5));
    socket.write(settings);
    // The server's own SETTINGS: type 4.
    expect((await answered)[3]).toBe(4);
  });

  test("what comes with it is not lost: a call right behind the preface is answered", async () => {
    await open();
    expect(await client().who()).toBe("local");
  });
});

describe("connections", () => {
  test("over the listener's bound are refused and counted, and take a place when one is free", async () => {
    await open({}, { maxConnections: 1 });
    const first = raw(preface);
    await until(() => listeners.list()[0]!.connections() === 1, "the first connection");
    await raw(preface).closed;
    expect(setting.told).toEqual(["local connections"]);
    first.socket.destroy();
    await until(() => listeners.list()[0]!.connections() === 0, "the first connection's end");
    expect(await client().who()).toBe("local");
  });

  test("without a call are ended when idle", async () => {
    await open({ idleTimeoutMs: 150 });
    const made = await session();
    await new Promise((resolve) => made.once("close", resolve));
  });

  test("with a call under way are kept", async () => {
    await open({ idleTimeoutMs: 150 });
    const idle = await session();
    const { stream, ended } = await client().hold();
    await new Promise((resolve) => idle.once("close", resolve));
    stream.end();
    expect(await ended).toBe(status.OK);
  });
});

describe("a connection's bounds", () => {
  test("are announced: streams and header bytes", async () => {
    await open({ maxStreamsPerConnection: 7, maxHeaderBytes: 2_048 });
    const { maxConcurrentStreams, maxHeaderListSize } = (await session()).remoteSettings;
    expect({ maxConcurrentStreams, maxHeaderListSize }).toEqual({ maxConcurrentStreams: 7, maxHeaderListSize: 2_048 });
  });

  test("headers over the bound never reach a handler", async () => {
    await open({ maxHeaderBytes: 2_048 });
    const made = await session();
    const request = made.request({
      ":method": "POST",
      ":path": "/test.Test/who",
      "content-type": "application/grpc",
      "x-large": "x".repeat(4_096),
    });
    request.on("error", () => undefined);
    const answered = await new Promise((resolve) => {
      request.once("response", (headers) => resolve(headers[":status"]));
      request.once("close", () => resolve("reset"));
    });
    expect([431, "reset"]).toContain(answered);
    expect(await client().who()).toBe("local");
  });

  test("many small headers do not either", async () => {
    await open({ maxHeaderBytes: 65_536 });
    const metadata = new Metadata();
    for (let index = 0; index < 500; index++) metadata.set(`x-${index}`, "1");
    await expect(client().unary("/test.Test/who", undefined, metadata)).rejects.toThrow();
    expect(await client().who()).toBe("local");
  });

  test("a message over the bound is RESOURCE_EXHAUSTED, one at the bound is answered", async () => {
    await open({ maxMessageBytes: 10_000 });
    const caller = client();
    await expect(caller.unary("/test.Test/echo", Buffer.alloc(10_001))).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    expect(await caller.unary("/test.Test/echo", Buffer.alloc(10_000))).toHaveLength(10_000);
  });

  test.each([
    ["deflate", 1],
    ["gzip", 2],
  ])("a compressed message is refused unread, be it small: %s", async (_name, algorithm) => {
    await open();
    const compressing = client({ "grpc.default_compression_algorithm": algorithm });
    for (const size of [1_000_000, 10]) {
      await expect(compressing.unary("/test.Test/echo", Buffer.alloc(size))).rejects.toMatchObject({
        code: status.UNIMPLEMENTED,
        details: "messages are not taken compressed",
      });
    }
    expect(await client().unary("/test.Test/echo", Buffer.of(7))).toEqual(Buffer.of(7));
  });

  test("a message in dribbles ends its connection, and is told; the same in frames of some size is answered", async () => {
    await open({ maxMessageBytes: 200_000 });
    const request = grpcMessage(Buffer.alloc(100_000));
    const send = (bytes: number) => {
      const pieces = Array.from({ length: Math.ceil(request.length / bytes) }, (_, index) =>
        frame("data", 0, streamId(0), request.subarray(index * bytes, (index + 1) * bytes)),
      );
      return raw(opening(), openCall(0, "/test.Test/echo"), ...pieces);
    };
    await send(10).closed;
    expect(setting.told).toEqual(["local protocol"]);
    const { socket } = send(50);
    const answer = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    expect(answer.length).toBeGreaterThan(0);
    expect(await client().who()).toBe("local");
    expect(socket.destroyed).toBe(false);
    expect(setting.told).toHaveLength(1);
  });

  test("streams that are opened and reset without end end their connection, and it is told", async () => {
    await open();
    const resets = frames(400, (index) =>
      Buffer.concat([openCall(index, "/test.Test/who"), frame("reset", 0, streamId(index), Buffer.of(0, 0, 0, 8))]),
    );
    await raw(opening(), resets).closed;
    await until(() => setting.told.includes("local protocol"), "word of it");
    expect(await client().who()).toBe("local");
  });

  test("4 MiB go through the memory bound of a session", async () => {
    await open();
    const caller = client();
    const many = await Promise.all(
      Array.from({ length: 3 }, () => caller.unary("/test.Test/echo", Buffer.alloc(4 << 20))),
    );
    expect(many.map(({ length }) => length)).toEqual(Array(3).fill(4 << 20));
  });

  test("a length prefix of 2 GiB is refused before anything is kept", async () => {
    await open();
    const made = await session();
    const request = made.request({ ":method": "POST", ":path": "/test.Test/echo", "content-type": "application/grpc" });
    request.on("error", () => undefined);
    const told = new Promise((resolve) => {
      request.once("response", (headers) => resolve(headers["grpc-status"]));
      request.once("trailers", (headers: Record<string, unknown>) => resolve(headers["grpc-status"]));
    });
    request.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
    expect(await told).toBe(String(status.RESOURCE_EXHAUSTED));
    request.close(constants.NGHTTP2_CANCEL);
  });
});

test("an unknown method is UNIMPLEMENTED", async () => {
  await open();
  await expect(client().unary("/test.Test/none")).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
});
