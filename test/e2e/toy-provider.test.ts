// A provider from npm, built from the page on adding one and nothing else: held to conformance, and served both ways.

import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../backends/available.ts";
import { daemonFolder, startDaemon, type Daemon } from "../backends/daemon.ts";
import { installedProgram, installKeybroker, installModule } from "../backends/installed.ts";
import { run } from "../backends/keybroker.ts";
import { allArguments, allEnvironments, readIfThere } from "../backends/proc.ts";
import { until } from "../backends/until.ts";
import { consoleBlocks, fileBlocks } from "../docs/blocks.ts";

const page = readFileSync(join(root, "docs/adding-a-provider.md"), "utf8");
const files = fileBlocks(page);
const [conformance, setUp, use] = consoleBlocks(page);

const app = daemonFolder();
const secret = randomBytes(32).toString("base64");
const bin = join(app, "bin");
const env = { PATH: `${bin}:${process.env["PATH"]}`, TOY_FOLDER: join(app, "keyring"), TOY_SECRET: secret };
let module: string;

beforeAll(() => {
  installKeybroker(app);
  module = installModule(app, "keybroker-toy", files);
  mkdirSync(bin);
  writeFileSync(join(bin, "keybroker"), `#!/bin/sh\nexec "${process.execPath}" "${installedProgram(app)}" "$@"\n`);
  chmodSync(join(bin, "keybroker"), 0o755);
  writeFileSync(join(app, "keybroker.yaml"), files.get("keybroker.yaml")!, { mode: 0o600 });
});

afterAll(() => rmSync(app, { recursive: true, force: true }));

async function shell(commands: string, more: Record<string, string> = {}): Promise<string> {
  const ran = await run(["sh", "-eu", "-c", commands], { env: { ...env, ...more }, cwd: app });
  expect(ran.status, `${ran.stdout.toString()}${ran.stderr}`).toBe(0);
  return ran.stdout.toString();
}

test("the toy passes every case, in its own process and in a child", async () => {
  const said = await shell(conformance!);
  expect(said).toMatch(/fail 0$/m);
  expect(Number(/pass (\d+)$/m.exec(said)![1])).toBeGreaterThan(30);
});

test("its types hold against the published ones", async () => {
  const checked = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--module", "nodenext", "--target", "es2024"];
  const types = ["--skipLibCheck", "--types", "node", "--typeRoots", join(root, "node_modules/@types")];
  const sources = [...files.keys()].filter((name) => name.endsWith(".mjs")).map((name) => join(module, name));
  const tsc = [join(root, "node_modules/.bin/tsc"), "--ignoreConfig", ...checked, ...types, ...sources];
  const { status, stdout } = await run(tsc, { env, cwd: app });
  expect(status, stdout.toString()).toBe(0);
});

test("a master key is made, the configuration is good, and so is all that doctor looks at", async () => {
  const said = await shell(setUp!);
  expect(said).toContain("rotation works");
  expect(said).toMatch(/^all good$/m);
  expect(said).not.toContain(secret);
});

/** The processes that a daemon started. */
function childrenOf(pid: number): number[] {
  const text = readIfThere(`/proc/${pid}/task/${pid}/children`).toString().trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

describe.each(["child", "daemon"])("served with process: %s", (where) => {
  let daemon: Daemon;

  beforeAll(async () => {
    const configuration = files.get("keybroker.yaml")!.replace("process: child", `process: ${where}`);
    const command = [process.execPath, installedProgram(app)];
    daemon = await startDaemon({ folder: app, configuration, command, env, socket: "keybroker.sock" });
  });

  afterAll(async () => {
    const children = childrenOf(daemon.pid);
    expect(await daemon.stop()).toEqual({ status: 0, signal: null });
    expect(children.map((pid) => readIfThere(`/proc/${pid}/cmdline`).length)).toEqual(children.map(() => 0));
  });

  test("what one command wrapped the next unwraps", async () => {
    expect(await shell(use!, { KEYBROKER_ADDRESS: daemon.address })).toBe("a data key");
    expect(childrenOf(daemon.pid)).toHaveLength(where === "child" ? 1 : 0);
  });

  test("the secret stands in no process's arguments or environment", () => {
    expect(allArguments().includes(secret)).toBe(false);
    expect(allEnvironments().includes(secret)).toBe(false);
    expect(daemon.stderr()).not.toContain(secret);
  });

  if (where === "daemon") return;

  test("a child that is killed is started again, and serves", async () => {
    const [child] = childrenOf(daemon.pid);
    process.kill(child!, "SIGKILL");
    await until("another child", () => childrenOf(daemon.pid).find((pid) => pid !== child));
    const rewrap = `keybroker rewrap --key backups/db <envelope >again; keybroker unwrap --context host=db1 <again`;
    expect(await shell(rewrap, { KEYBROKER_ADDRESS: daemon.address })).toBe("a data key");
  });
});
