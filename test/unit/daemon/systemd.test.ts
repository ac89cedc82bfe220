import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createServiceManager } from "../../../src/daemon/systemd.ts";
import { testFolder } from "../server/setting.ts";

const heard: string[][] = [];
const send = (words: readonly string[]) => {
  heard.push([...words]);
  return Promise.resolve();
};
beforeEach(() => {
  heard.length = 0;
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => vi.useRealTimers());

describe("the service manager", () => {
  test("hears of readiness, reloads and the end, in systemd's words", async () => {
    const manager = createServiceManager({ NOTIFY_SOCKET: "/run/notify" }, send);
    const beforeUsec = process.hrtime.bigint() / 1000n;
    await manager.ready("on unix:/x");
    await manager.reloading();
    await manager.stopping();
    expect(heard[0]).toEqual(["READY=1", "STATUS=on unix:/x"]);
    expect(heard[1]![0]).toBe("RELOADING=1");
    const usec = BigInt(/^MONOTONIC_USEC=(\d+)$/.exec(heard[1]![1]!)![1]!);
    expect(usec).toBeGreaterThanOrEqual(beforeUsec);
    expect(heard[2]).toEqual(["STOPPING=1"]);
  });

  test("hears a beat at half the watchdog's interval, until the end", () => {
    const environment = { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid) };
    const manager = createServiceManager(environment, send);
    vi.advanceTimersByTime(14_999);
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(30_001);
    expect(heard).toEqual([["WATCHDOG=1"], ["WATCHDOG=1"], ["WATCHDOG=1"]]);
    manager.close();
    vi.advanceTimersByTime(60_000);
    expect(heard).toHaveLength(3);
  });

  test.each([
    { NOTIFY_SOCKET: "/run/notify" },
    { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" },
    { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "soon" },
  ])("hears no beat that it did not ask for: %j", (environment) => {
    createServiceManager(environment, send);
    vi.advanceTimersByTime(600_000);
    expect(heard).toEqual([]);
  });

  test("may not be there", async () => {
    const manager = createServiceManager({ WATCHDOG_USEC: "30000000" }, send);
    await manager.ready("");
    vi.advanceTimersByTime(600_000);
    expect(heard).toEqual([]);
  });
});

describe("systemd-notify", () => {
  beforeEach(() => void vi.useRealTimers());

  test("missing is no reason to fail", async () => {
    const { PATH } = process.env;
    process.env["PATH"] = "/nonexistent";
    try {
      await createServiceManager({ NOTIFY_SOCKET: "/run/notify" }).stopping();
    } finally {
      process.env["PATH"] = PATH;
    }
  });

  test("brings the words to the socket", async (context) => {
    const place = testFolder();
    const socket = join(place.folder, "n");
    const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    text = s.recv(4096).decode()
    print(repr(text), flush=True)
`;
    const python = spawn("python3", ["-c", receiver, socket], { stdio: ["ignore", "pipe", "inherit"] });
    const failed = once(python, "error").then(() => "no python");
    const lines: string[] = [];
    const reader = createInterface(python.stdout).on("line", (line) => lines.push(line));
    try {
      if ((await Promise.race([failed, once(reader, "line")])) === "no python")
        return context.skip("python3 is missing");
      const { NOTIFY_SOCKET } = process.env;
      process.env["NOTIFY_SOCKET"] = socket;
      await createServiceManager(process.env).ready("listening on unix:/a b");
      if (NOTIFY_SOCKET === undefined) delete process.env["NOTIFY_SOCKET"];
      else process.env["NOTIFY_SOCKET"] = NOTIFY_SOCKET;
      if (lines.length < 2) await once(reader, "line");
      expect(lines.join("\n")).toContain("READY=1");
      expect(lines.join("\n")).toContain("STATUS=listening on unix:/a b");
    } finally {
      python.kill("SIGKILL");
      place.remove();
    }
  });
});
