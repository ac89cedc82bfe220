import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  chmodSync,
  writeFileSync,
  existsSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listenOnSocket, maxSocketPathBytes } from "../../../src/server/unix-socket.ts";
import { testFolder } from "./setting.ts";

const access = { mode: 0o600, uid: undefined, gid: undefined };
let place: ReturnType<typeof testFolder>;
let folder: string;
let path: string;
const servers: Server[] = [];

beforeEach(() => {
  place = testFolder();
  folder = place.folder;
  path = join(folder, "kb.sock");
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  place.remove();
});

function server(): Server {
  const made = createServer();
  servers.push(made);
  return made;
}

const listen = (to = path, more: object = {}) => listenOnSocket(server(), to, { ...access, ...more });
const modeOf = (file: string) => lstatSync(file).mode & 0o777;

/** A socket whose process was killed. */
async function deadSocket(): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", script]);
  await new Promise((resolve) => child.once("exit", resolve));
}

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket.destroy() && true)).once("error", () => resolve(false));
  });
}

describe("a claimed socket", () => {
  test.each([0o600, 0o660, 0o666])("has mode %o, whatever the umask, and leaves nothing else", async (mode) => {
    const before = process.umask(0o022);
    try {
      const claim = await listen(path, { mode });
      expect(process.umask()).toBe(0o022);
      expect(modeOf(path)).toBe(mode);
      expect(readdirSync(folder).sort()).toEqual(["kb.sock", "kb.sock.pid"]);
      claim.release();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      process.umask(before);
    }
  });

  test("belongs to the uid and gid of the configuration", async () => {
    const gid = process.getegid!();
    await listen(path, { uid: process.geteuid!(), gid });
    expect(lstatSync(path).gid).toBe(gid);
  });

  test("takes a new mode at a reload", async () => {
    const claim = await listen();
    claim.open({ ...access, mode: 0o660 });
    expect(modeOf(path)).toBe(0o660);
  });

  test("makes a missing folder, closed to those who may not open the socket", async () => {
    await listen(join(folder, "closed/kb.sock"));
    expect(modeOf(join(folder, "closed"))).toBe(0o700);
    await listen(join(folder, "group/kb.sock"), { mode: 0o660 });
    expect(modeOf(join(folder, "group"))).toBe(0o710);
  });

  test("is not taken away when another socket stands in its place", async () => {
    const claim = await listen();
    const other = join(folder, "other.sock");
    await listen(other);
    lstatSync(path);
    (await import("node:fs")).unlinkSync(path);
    linkSync(other, path);
    claim.release();
    expect(existsSync(path)).toBe(true);
  });
});

describe("what stands at the path", () => {
  test("a dead socket is replaced", async () => {
    await deadSocket();
    expect(await answers()).toBe(false);
    await listen();
    expect(await answers()).toBe(true);
  });

  test("a live socket is refused, with the process that has it", async () => {
    await listen();
    await expect(listen()).rejects.toThrow(`${path} is in use by process ${process.pid}`);
    expect(readdirSync(folder).sort()).toEqual(["kb.sock", "kb.sock.pid"]);
  });

  test("a live socket without a note, or with one of a dead process, is refused too", async () => {
    await listen();
    writeFileSync(`${path}.pid`, "4194304\n");
    await expect(listen()).rejects.toThrow("a process that left no note");
  });

  test.each([
    ["a file", () => writeFileSync(path, ""), "is not a socket"],
    ["a folder", () => mkdirSync(path), "is not a socket"],
    ["a symbolic link", () => symlinkSync("elsewhere", path), "is a symbolic link"],
  ])("%s is refused and stays", async (_what, make, message) => {
    make();
    const { ino } = lstatSync(path);
    await expect(listen()).rejects.toThrow(message);
    expect(lstatSync(path).ino).toBe(ino);
  });

  test("of many starts at once exactly one gets it, also over a dead socket", async () => {
    await deadSocket();
    const starts = await Promise.allSettled(Array.from({ length: 2 }, () => listen()));
    // In one process they share the temporary name, so at most one can win, and none may break the other's socket.
    expect(starts.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
  });
});

describe("the folder", () => {
  test("that others may write to is refused", async () => {
    chmodSync(folder, 0o777);
    await expect(listen()).rejects.toThrow("others may write to the folder");
    chmodSync(folder, 0o1777);
    await expect(listen()).resolves.toBeDefined();
  });

  test.runIf(process.geteuid!() === 0)("of another user is refused", async () => {
    (await import("node:fs")).chownSync(folder, 12_345, -1);
    await expect(listen()).rejects.toThrow("belongs to user 12345");
  });

  test.runIf(process.geteuid!() === 0)("a socket of another user is refused", async () => {
    await deadSocket();
    (await import("node:fs")).chownSync(path, 12_345, -1);
    await expect(listen()).rejects.toThrow("is a socket of user 12345");
  });
});

test("a path over 100 bytes is refused by its length", async () => {
  const long = join(folder, "x".repeat(maxSocketPathBytes));
  await expect(listen(long)).rejects.toThrow("over 100 bytes");
});
