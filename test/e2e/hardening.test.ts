// What the built daemon refuses to be started with, and how its process stands once it runs.

import { chmodSync, chownSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { onPath } from "../backends/available.ts";
import { daemonFolder, program, spawnDaemon, startDaemon, type Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import { configuration, masterKeyFile, type MasterKeyFile } from "../backends/master-keys.ts";
import { hasProc, readIfThere } from "../backends/proc.ts";
import type { Exit } from "../backends/process.ts";
import { until } from "../backends/until.ts";

let folder: string;
let key: MasterKeyFile;
let text: string;

beforeEach(() => {
  folder = daemonFolder();
  key = masterKeyFile(folder, "key-1");
  text = configuration({ "1": `file:${key.path}` }, "1");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ended extends Exit {
  readonly said: string;
}

/** Starts a daemon that is meant to end by itself. */
async function refused(options: { flags?: readonly string[]; env?: Record<string, string>; configuration?: string }) {
  const { flags = [], ...rest } = options;
  const child = spawnDaemon({ ...rest, folder, command: [process.execPath, ...flags, program] });
  const exit = await child.exited;
  return { ...exit, said: child.stderr() } satisfies Ended;
}

/** Starts with the configuration as it stands in the folder, whatever its mode and owner. */
async function refusedAsItStands(): Promise<Ended> {
  const child = spawnDaemon({
    folder,
    command: [process.execPath, program],
    env: { KEYBROKER_CONFIG: at("keybroker.yaml") },
  });
  return { ...(await child.exited), said: child.stderr() };
}

const at = (name: string) => join(folder, name);

describe("the daemon does not start with", () => {
  test.each([
    ["--inspect=127.0.0.1:0"],
    ["--inspect-publish-uid=http"],
    ["--heapsnapshot-signal=SIGUSR2"],
    ["--heapsnapshot-near-heap-limit=1"],
    ["--report-on-signal"],
    ["--report-uncaught-exception"],
    ["--report-on-fatalerror"],
    ["--heap-prof"],
    ["--tls-keylog=keys.log"],
  ])("%s, on its command line or in NODE_OPTIONS", async (flag) => {
    const name = flag.split("=")[0]!;
    const starts = [{ flags: [flag] }, { env: { NODE_OPTIONS: `"${flag}"` } }];
    for (const start of starts) {
      const { status, said } = await refused(start);
      expect(said).toContain(`keybroker does not serve with ${name},`);
      expect(status).toBe(2);
    }
    expect(existsSync(at("state"))).toBe(false);
  });

  test("such words of its own either", async () => {
    const { status, stderr } = await keybroker(["serve", "--inspect"], {
      env: { PATH: process.env["PATH"] },
      cwd: folder,
    });
    expect(status).toBe(2);
    expect(stderr).toContain("--inspect");
  });

  test.each([
    ["that others may change", 0o666, "keybroker.yaml"],
    ["that its group may change", 0o664, "keybroker.yaml"],
  ])("a configuration %s", async (_, mode, file) => {
    writeFileSync(at(file), text);
    chmodSync(at(file), mode);
    const { status, said } = await refusedAsItStands();
    expect(said).toContain("this file may be changed by other users: chmod go-w it");
    expect(status).toBe(2);
  });

  test.skipIf(process.getuid?.() !== 0)("a configuration of another user", async () => {
    writeFileSync(at("keybroker.yaml"), text, { mode: 0o600 });
    chownSync(at("keybroker.yaml"), 4711, 4711);
    expect((await refusedAsItStands()).said).toContain("this file belongs to user 4711");
  });

  test.each([0o644, 0o660])("a master key's file with mode %o", async (mode) => {
    chmodSync(key.path, mode);
    const { status, said } = await refused({ configuration: text });
    expect(said).toContain(`${key.path} may be `);
    expect(said).not.toContain(key.bytes.toString("base64"));
    expect(status).not.toBe(0);
  });

  test.skipIf(process.getuid?.() !== 0)("a master key's file of another user", async () => {
    chownSync(key.path, 4711, 4711);
    expect((await refused({ configuration: text })).said).toContain("belongs to user 4711");
  });

  test("a link, a file or a foreign socket where its socket should be", async () => {
    symlinkSync(at("elsewhere.sock"), at("keybroker.sock"));
    expect((await refused({ configuration: text })).said).toContain("is a symbolic link");
    rmSync(at("keybroker.sock"));
    writeFileSync(at("keybroker.sock"), "");
    expect((await refused({ configuration: text })).said).toContain("is not a socket");
    expect(readFileSync(at("keybroker.sock"), "utf8")).toBe("");
  });

  test("a folder for its socket that others may write to", async () => {
    chmodSync(folder, 0o777);
    expect((await refused({ configuration: text })).said).toContain("others may write to the folder");
  });
});

describe.skipIf(!hasProc)("a running daemon", () => {
  let daemon: Daemon;
  const status = (name: string) =>
    new RegExp(`^${name}:\\s+(.*)$`, "m").exec(readIfThere(`/proc/${daemon.pid}/status`).toString())?.[1];

  test("has no inspector on SIGUSR1, no core, and no secret in its environment", async () => {
    const core = onPath("prlimit") ? ["prlimit", "--core=unlimited"] : [];
    daemon = await startDaemon({
      folder,
      configuration: configuration({ "1": "${CANARY}" }, "1"),
      socket: "keybroker.sock",
      env: { CANARY: key.bytes.toString("base64") },
      command: [...core, process.execPath, program],
    });
    daemon.signal("SIGUSR1");
    // Answered calls show that the signal has been dealt with.
    for (let calls = 0; calls < 3; calls++) {
      const ran = await keybroker(["status"], { env: daemon.env });
      expect(ran.status, ran.stderr).toBe(0);
    }
    expect(daemon.stderr()).not.toMatch(/debugger|inspector/i);
    expect(await isOpen(9229)).toBe(false);
    expect(readIfThere(`/proc/${daemon.pid}/limits`).toString()).toMatch(/^Max core file size\s+0\s+0\s/m);
    expect(readIfThere(`/proc/${daemon.pid}/coredump_filter`).toString().trim()).toMatch(/^0+$/);
    expect(readIfThere(`/proc/${daemon.pid}/environ`).includes(key.bytes.toString("base64"))).toBe(false);
    expect(status("TracerPid")).toBe("0");
    expect(await daemon.stop()).toEqual({ status: 0, signal: null });
  });

  test("goes on with its last good configuration when the file was opened to others", async () => {
    daemon = await startDaemon({ folder, configuration: text, socket: "keybroker.sock" });
    chmodSync(at("keybroker.yaml"), 0o666);
    daemon.signal("SIGHUP");
    const told = () => (daemon.stderr().includes("may be changed by other users") ? true : undefined);
    await until("word of the reload", told);
    const ran = await keybroker(["wrap", "--key", "backups/files", "--context", "host=a"], {
      env: daemon.env,
      input: "k",
    });
    expect(ran.status, ran.stderr).toBe(0);
    expect(await daemon.stop()).toEqual({ status: 0, signal: null });
  });
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
