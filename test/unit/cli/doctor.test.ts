// keybroker doctor: its words, marks and exit statuses, and the daemon's view beside its own.

import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { waiting } from "../../../src/cli/waiting.ts";
import type { Io } from "../../../src/cli/io.ts";
import { masterKeyFile } from "../../backends/master-keys.ts";
import { FakeDaemon } from "../client/fake-daemon.ts";
import { cli as run, folder, type Folder, type Ran, type Run } from "./harness.ts";

let files: Folder;
let file: string;
let daemon: FakeDaemon;

/** A configuration of two providers; `retired` is where the second one's key is. */
function write(
  retired: string,
  listener = `{ unix: ${daemon.address.slice("unix:".length)}, identity: a, admin: true }`,
) {
  writeFileSync(
    file,
    `
version: 1
realm: test
providers:
  local: { kind: env, keys: { "1": "file:${files.at("one")}" } }
  retired: { kind: env, keys: { "1": "${retired}" } }
keys: { k: { wrapTo: [{ provider: local }], unwrapOnly: [{ provider: retired }] } }
listeners: { s: ${listener} }
policy: [{ who: a, may: [wrap], keys: "*" }]
`,
    { mode: 0o600 },
  );
}

beforeEach(async () => {
  files = folder();
  file = files.at("config.yaml");
  for (const name of ["one", "two"]) masterKeyFile(files.path, name);
  daemon = new FakeDaemon(() => ({}));
  await daemon.start();
  write(`file:${files.at("two")}`);
});

afterEach(() => {
  daemon.stop();
  files.remove();
});

const doctor = (argv: string[] = [], options: Run = {}): Promise<Ran> =>
  run(["doctor", "--config", file, ...argv], options);
const provider = (name: string, more: object = {}) => ({
  name,
  kind: "env",
  reachable: true,
  canWrap: true,
  canUnwrap: true,
  lastCallTime: { seconds: 1n },
  ...more,
});

describe("all is well", () => {
  test("exit 0: a line for each thing that was looked at, marks below each other", async () => {
    daemon.handler = () => ({ version: "9", providers: [provider("local"), provider("retired")] });
    const ran = await doctor();
    expect(ran).toMatchObject({ exit: 0, stderr: "" });
    const lines = ran.text.trimEnd().split("\n");
    expect(lines[0]).toBe(`configuration ${file}`);
    expect(lines.at(-1)).toBe("all good");
    expect(lines).toContain("provider local (env)");
    expect(lines).toContain("provider retired (env)");
    for (const line of lines.filter((one) => one.startsWith(" ")))
      expect(line).toMatch(/^ {2}(good|note) {2}\S.{23} {2}\S/);
    expect(ran.text).toMatch(/good {2}round trip {16}64 bytes wrapped by version 1/);
    expect(ran.text).not.toContain("\u001b");
  });

  test("one provider alone, when it is named", async () => {
    const { text } = await doctor(["retired"]);
    expect(text).toContain("provider retired");
    expect(text).not.toContain("provider local");
  });

  test("as one object with --json", async () => {
    const ran = await doctor(["--json"]);
    const object = JSON.parse(ran.text) as { sections: { name: string; findings: object[] }[] };
    expect(object).toMatchObject({ ok: true, exit: 0 });
    expect(object.sections.map(({ name }) => name)).toEqual([
      `configuration ${file}`,
      "provider local",
      "provider retired",
      "daemon",
    ]);
    expect(object.sections[1]!.findings).toContainEqual(
      expect.objectContaining({ check: "round trip", outcome: "good" }),
    );
    expect(ran.text.trimEnd()).not.toContain("\n");
  });

  test("colours on a terminal, and not where NO_COLOR is set", async () => {
    expect((await doctor([], { terminals: ["stdout"] })).text).toContain("\u001b[32mgood\u001b[39m");
    expect((await doctor([], { terminals: ["stdout"], env: { NO_COLOR: "1" } })).text).not.toContain("\u001b");
    expect((await doctor([], { terminals: ["stdout"], env: { TERM: "dumb" } })).text).not.toContain("\u001b");
  });

  test("says on a terminal what it waits for, and clears the line again", async () => {
    const { stderr } = await doctor([], { terminals: ["stderr"] });
    expect(stderr).toContain("… local: open");
    expect(stderr.endsWith("\r\u001b[K")).toBe(true);
    expect((await doctor(["--json"], { terminals: ["stderr"] })).stderr).toBe("");
  });
});

describe("something is wrong", () => {
  test("exit 2 for the configuration: each problem with its line and what to do", async () => {
    write("${KEYBROKER_TEST_NOT_SET}");
    const { exit, text } = await doctor();
    expect(exit).toBe(2);
    expect(text).toMatch(
      /^ {2}BAD {3}line 6:\d+ +providers\.retired\.keys\.1: the environment variable KEYBROKER_TEST_NOT_SET is not set$/m,
    );
    expect(text).toMatch(/^ {8}fix: doctor takes KEYBROKER_TEST_NOT_SET from its own environment/m);
    expect(text).toMatch(/^one thing is wrong: configuration/m);
  });

  test("exit 2 for a secret that is no master key; the other provider is looked at all the same", async () => {
    writeFileSync(files.at("two"), "short");
    const { exit, text } = await doctor();
    expect(exit).toBe(2);
    expect(text).toMatch(/^ {2}BAD {3}settings/m);
    expect(text).toMatch(/^ {2}good {2}round trip/m);
    expect(text).toMatch(/^one thing is wrong: provider retired$/m);
  });

  test("exit 5 for what the daemon cannot do although doctor can", async () => {
    daemon.handler = () => ({
      providers: [provider("local", { canWrap: false, error: "no\nroute" }), provider("retired"), provider("other")],
    });
    const { exit, text } = await doctor();
    expect(exit).toBe(5);
    expect(text).toMatch(/^ {2}BAD {3}local +reachable, cannot wrap, can unwrap: no route$/m);
    expect(text).not.toMatch(/^ {2}\S+ +other /m);
  });

  test("a provider that is not there: exit 2, and which there are", async () => {
    const stderr = expect.stringContaining("there is no provider none: the configuration has local, retired") as string;
    expect(await doctor(["none"])).toMatchObject({ exit: 2, stderr });
  });
});

describe("the daemon's view", () => {
  test("without a daemon doctor says why there is none, and it is no fault", async () => {
    daemon.kill();
    const { exit, text } = await doctor();
    expect(exit).toBe(0);
    expect(text).toMatch(/^ {2}note {2}status +not known: cannot reach the daemon at unix:/m);
  });

  test("with another configuration than the file's", async () => {
    daemon.handler = () => ({ version: "9", configurationDigest: "aa", reloadError: "line 3" });
    expect((await doctor()).text).toMatch(/^ {2}note {2}status .*another configuration than this; .*refused: line 3$/m);
  });

  test("of providers that it has not called yet is no fault", async () => {
    daemon.handler = () => ({ providers: [{ name: "local", kind: "env" }] });
    expect(await doctor()).toMatchObject({ exit: 0, text: expect.stringContaining("has not called it yet") as string });
  });

  test("is not asked for where no socket leads to it, but by --address", async () => {
    write(`file:${files.at("two")}`, `{ unix: ${files.at("s.sock")}, identity: a }`);
    expect((await doctor()).text).toContain("no unix listener with admin: true");
    expect(daemon.asked).toHaveLength(0);
    await doctor(["--address", daemon.address]);
    expect(daemon.asked).toHaveLength(1);
  });
});

describe("the embedded default", () => {
  test("is looked at in its state folder, without making one", async () => {
    const none = await run(["doctor", "--state-dir", files.at("state")]);
    expect(none).toMatchObject({ exit: 2, stderr: expect.stringContaining("--config") as string });
    expect(files.names()).toEqual(["config.yaml", "one", "two"]);
    mkdirSync(files.at("state"), { mode: 0o700 });
    masterKeyFile(files.at("state"), "master-key");
    const ran = await run(["doctor", "--state-dir", files.at("state")]);
    expect(ran).toMatchObject({ exit: 0 });
    expect(ran.text).toMatch(/^configuration: the embedded default$/m);
  });
});

test("a line that waits long counts the seconds, and fits the terminal", () => {
  vi.useFakeTimers();
  try {
    let text = "";
    const stderr = { isTTY: true, columns: 20, write: (part: string) => void (text += part) };
    const line = waiting({ env: {}, stderr } as unknown as Io, true);
    line.on("a step");
    vi.advanceTimersByTime(2_000);
    line.on("x".repeat(50));
    line.clear();
    vi.advanceTimersByTime(9_000);
    const drawn = text.split("\r\u001b[K").filter((one) => one !== "");
    expect(drawn).toEqual(["… a step", "… a step, 1 s", "… a step, 2 s", `… ${"x".repeat(17)}`]);
  } finally {
    vi.useRealTimers();
  }
});
