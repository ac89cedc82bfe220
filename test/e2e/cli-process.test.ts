// What only a process of its own can show: exec's child, standard streams, signals, argv.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { toText } from "../../src/envelope/index.ts";
import { program } from "../backends/daemon.ts";
import { someEnvelope } from "../unit/cli/envelope.ts";
import { folder, type Folder } from "../unit/cli/harness.ts";
import { FakeDaemon, Refusal } from "../unit/client/fake-daemon.ts";

let daemon: FakeDaemon;
let files: Folder;
const children: ChildProcess[] = [];
const text = `${toText(someEnvelope(1))}\n`;

interface Ended {
  readonly exit: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(argv: string[], env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [program, ...argv], {
    env: { PATH: process.env["PATH"], KEYBROKER_ADDRESS: daemon.address, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (exit, signal) => resolve({ exit, signal, ...output }));
  });
  return { child, ended };
}

const exec = (...argv: string[]): Promise<Ended> =>
  start(["exec", "--key", "k", "--env", `DATA_KEY=${files.at("e")}`, ...argv]).ended;

beforeEach(async () => {
  files = folder();
  writeFileSync(files.at("e"), text);
  daemon = new FakeDaemon(() => ({ plaintext: Buffer.from("00ff10", "hex") }));
  await daemon.start();
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  daemon.stop();
  files.remove();
});

describe("exec", () => {
  test("the child has the keys and not our secrets; we have its status and output", async () => {
    const env = {
      KEYBROKER_MASTER_KEY: "secret",
      KEYBROKER_KEY_NAME: "k",
      KEYBROKER_EXEC_ENV: `A=${files.at("e")},B=${files.at("e")}`,
    };
    const { ended } = start(["exec", "--format", "hex", "--", "sh", "-c", "env; exit 9"], env);
    const ran = await ended;
    expect(ran).toMatchObject({ exit: 9, stderr: "" });
    const lines = ran.stdout.split("\n");
    expect(lines).toContain("A=00ff10");
    expect(lines).toContain("B=00ff10");
    expect(lines).toContain(`KEYBROKER_ADDRESS=${daemon.address}`);
    expect(ran.stdout).not.toMatch(/MASTER_KEY|EXEC_ENV|KEY_NAME/);
  });

  test("flags after the program are the program's", async () => {
    expect(await exec("--", "echo", "--key", "x", "--help")).toMatchObject({ exit: 0, stdout: "--key x --help\n" });
    expect(await exec("sh", "-c", "echo $1", "sh", "--version")).toMatchObject({ exit: 0, stdout: "--version\n" });
  });

  test("no program runs when a key cannot be had", async () => {
    daemon.handler = () => {
      throw new Refusal("DENIED", "no rule allows it");
    };
    const ran = await exec("--", "touch", files.at("ran"));
    expect(ran).toMatchObject({ exit: 3, stdout: "", stderr: "keybroker: no rule allows it\n" });
    expect(existsSync(files.at("ran"))).toBe(false);
  });

  test("what cannot be run exits as in a shell", async () => {
    expect(await exec("--", files.at("none"))).toMatchObject({ exit: 127 });
    expect(await exec("--", files.at("e"))).toMatchObject({ exit: 126 });
  });

  test("signals reach the child, and a child that a signal ended gives 128 + n", async () => {
    const script = `trap 'echo got it; exit 5' TERM; touch ${files.at("up")}; while :; do sleep 0.05; done`;
    const { child, ended } = start(["exec", "--any-key", "--env", `A=${files.at("e")}`, "--", "sh", "-c", script]);
    await vi.waitFor(() => expect(existsSync(files.at("up"))).toBe(true), { timeout: 8_000 });
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ exit: 5, stdout: "got it\n" });
    expect(await exec("--", "sh", "-c", "kill -KILL $$")).toMatchObject({ exit: 137 });
  });
});

describe("password commands", () => {
  test("one line on standard output, the key in no argument", async () => {
    let seen = "";
    daemon.handler = () => {
      seen = readFileSync(`/proc/${children[0]!.pid}/cmdline`, "latin1");
      return { plaintext: Buffer.from("00ff10", "hex") };
    };
    const { ended } = start(["get", files.at("e"), "--key", "k"]);
    expect(await ended).toEqual({ exit: 0, signal: null, stdout: "AP8Q\n", stderr: "" });
    expect(seen).toContain("get");
    expect(seen).not.toContain("AP8Q");
  });

  test("a reader that goes away is no crash", async () => {
    const { child, ended } = start(["get", files.at("e"), "--key", "k"]);
    child.stdout!.destroy();
    const ran = await ended;
    expect(ran).toMatchObject({ exit: 1 });
    expect(ran.stderr).toBe("keybroker: standard output was closed before all was written\n");
  });
});
