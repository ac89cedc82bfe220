import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { status } from "@grpc/grpc-js";
import type { Listeners } from "../../../src/server/index.ts";
import { configurationOf, Setting, TestClient, testFolder, unixListener } from "./setting.ts";

let place: ReturnType<typeof testFolder>;
let listeners: Listeners;
let setting: Setting;
const clients: TestClient[] = [];
const path = (name: string) => join(place.folder, name);
const one = () => unixListener(path("one.sock"), { name: "one" });
const two = () => unixListener(path("two.sock"), { name: "two", identity: "second" });

beforeEach(async () => {
  place = testFolder();
  const configuration = configurationOf([one(), two()]);
  setting = new Setting(configuration);
  listeners = await setting.open(configuration);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await listeners.close(0);
  place.remove();
});

function client(name: string): TestClient {
  const made = new TestClient(`unix:${path(name)}`);
  clients.push(made);
  return made;
}

const connects = (name: string) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(path(name));
    socket.once("connect", () => resolve(socket.destroy() && true)).once("error", () => resolve(false));
  });

describe("several listeners", () => {
  test("have an identity each", async () => {
    expect(await Promise.all([client("one.sock").who(), client("two.sock").who()])).toEqual(["local", "second"]);
  });

  test("open together or not at all", async () => {
    const configuration = configurationOf([unixListener(path("three.sock"), { name: "three" }), one()]);
    await expect(setting.open(configuration)).rejects.toThrow("in use");
    expect(existsSync(path("three.sock"))).toBe(false);
    expect(await connects("one.sock")).toBe(true);
  });
});

describe("closing", () => {
  test("unbinds at once, and answers what was asked", async () => {
    const { stream, ended } = await client("one.sock").hold();
    const closing = listeners.close(5_000);
    expect(readdirSync(place.folder)).toEqual([]);
    expect(await connects("one.sock")).toBe(false);
    stream.end();
    expect(await ended).toBe(status.OK);
    await closing;
    expect(setting.drained).toBe(2);
  });

  test("ends what does not end by itself, within the bound", async () => {
    const { ended } = await client("one.sock").hold();
    for (const call of setting.held) call.end = () => call;
    await listeners.close(50);
    expect(await ended).not.toBe(status.OK);
  });

  test("ends a connection that is silent", async () => {
    const socket = connect(path("one.sock"));
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) =>
      socket
        .on("error", () => undefined)
        .once("close", resolve)
        .resume(),
    );
    await listeners.close(5_000);
    await closed;
  });
});

describe("a reload", () => {
  test("that changes nothing keeps every connection", async () => {
    const { stream, ended } = await client("one.sock").hold();
    await setting.reload(listeners, configurationOf([one(), two()]));
    expect(setting.drained).toBe(0);
    stream.end();
    expect(await ended).toBe(status.OK);
  });

  test("opens the new and closes the old", async () => {
    const three = unixListener(path("three.sock"), { name: "three", identity: "third" });
    await setting.reload(listeners, configurationOf([one(), three]));
    expect(await client("three.sock").who()).toBe("third");
    expect(await connects("two.sock")).toBe(false);
    expect(listeners.list().map(({ name }) => name)).toEqual(["one", "three"]);
  });

  test("lets calls under way on a closed listener end", async () => {
    const { stream, ended } = await client("two.sock").hold();
    await setting.reload(listeners, configurationOf([one()]));
    stream.end();
    expect(await ended).toBe(status.OK);
  });

  test("with new limits answers on the same address, and lets the old connections go", async () => {
    const caller = client("one.sock");
    const { ended } = await caller.hold();
    await setting.reload(listeners, configurationOf([one(), two()], [], { maxMessageBytes: 100 }));
    expect(await ended).toBe(status.OK);
    await expect(caller.unary("/test.Test/echo", Buffer.alloc(200))).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
  });

  test("gives the address to a listener of another name and identity", async () => {
    const renamed = unixListener(path("one.sock"), { name: "renamed", identity: "third" });
    await setting.reload(listeners, configurationOf([renamed, two()]));
    expect(await client("one.sock").who()).toBe("third");
    expect(listeners.list().map(({ name }) => name)).toContain("renamed");
  });

  test("that is abandoned gives back what it bound", async () => {
    const three = unixListener(path("three.sock"), { name: "three" });
    const prepared = await listeners.prepare(configurationOf([three]));
    expect(existsSync(path("three.sock"))).toBe(true);
    await prepared.abandon();
    expect(existsSync(path("three.sock"))).toBe(false);
    expect(await client("one.sock").who()).toBe("local");
  });

  test("that cannot bind changes nothing", async () => {
    const occupied = await setting.open(configurationOf([unixListener(path("taken.sock"), { name: "other" })]));
    const wanted = [
      unixListener(path("free.sock"), { name: "free" }),
      unixListener(path("taken.sock"), { name: "taken" }),
    ];
    await expect(listeners.prepare(configurationOf(wanted))).rejects.toThrow("in use");
    expect(existsSync(path("free.sock"))).toBe(false);
    expect(await client("one.sock").who()).toBe("local");
    await occupied.close(0);
  });
});
