// The built command line against the built daemon.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { daemonFolder, program, startDaemon, type Daemon } from "../backends/daemon.ts";
import { keybroker, type Ran } from "../backends/keybroker.ts";

let daemon: Daemon;
let folder: string;
const at = (name: string): string => join(folder, name);
const run = (args: string[], input?: Uint8Array | string, env: Record<string, string> = {}): Promise<Ran> =>
  keybroker(args, { env: { ...daemon.env, ...env }, input, cwd: folder });

/** Wraps a password into a file and answers its name. */
async function wrapped(name: string, password: string, ...context: string[]): Promise<string> {
  const flags = context.flatMap((pair) => ["--context", pair]);
  const ran = await run(["wrap", "--key", "default", ...flags, "--output", name], password);
  expect(ran, ran.stderr).toMatchObject({ status: 0, stderr: "" });
  return name;
}

beforeAll(async () => {
  daemon = await startDaemon();
  folder = daemonFolder();
});

afterAll(() => daemon.stop());

describe("a data key", () => {
  test("comes back from its envelope, in either form, and under its context alone", async () => {
    const dataKey = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    for (const form of [[], ["--binary"]]) {
      const envelope = (await run(["wrap", "--key", "default", "--context", "host=web1", ...form], dataKey)).stdout;
      const opened = await run(["unwrap", "--key", "default", "--context", "host=web1"], envelope);
      expect(opened).toMatchObject({ status: 0, stdout: dataKey });
      const refused = await run(["unwrap", "--key", "default", "--context", "host=web2"], envelope);
      expect(refused).toMatchObject({ status: 4, stdout: Buffer.alloc(0) });
      expect(refused.stderr).toMatch(/^keybroker: [^\n]+\n$/);
    }
  });

  test("of the largest size passes, one byte more does not", async () => {
    const largest = new Uint8Array(65_536).fill(7);
    const { stdout } = await run(["wrap", "--key", "default"], largest);
    expect((await run(["unwrap"], stdout)).stdout).toEqual(Buffer.from(largest));
    expect(await run(["wrap", "--key", "default"], new Uint8Array(65_537))).toMatchObject({ status: 2 });
  });

  test("is generated, kept as an envelope, and had again as one line", async () => {
    const made = await run(["generate", "--key", "default", "--out-envelope", "new.kb1"]);
    expect(made.stdout.toString()).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
    expect((await run(["get", "new.kb1", "--key", "default"])).stdout).toEqual(made.stdout);
    const alone = await run(["generate", "--key", "default", "--without-plaintext", "--output", "later.kb1"]);
    expect(alone).toMatchObject({ status: 0, stdout: Buffer.alloc(0) });
    const hex = await run(["get", "later.kb1", "--key", "default", "--format", "hex"]);
    expect(hex.stdout.toString()).toMatch(/^[0-9a-f]{64}\n$/);
  });

  test("never overwrites, and a failure leaves no file", async () => {
    const file = await wrapped("kept.kb1", "secret");
    const before = readFileSync(at(file));
    expect(await run(["wrap", "--key", "default", "--output", file], "other")).toMatchObject({ status: 2 });
    expect(await run(["wrap", "--key", "nobody's", "--output", "none.kb1"], "other")).toMatchObject({ status: 2 });
    expect(await run(["wrap", "--key", "unknown", "--output", "none.kb1"], "other")).toMatchObject({ status: 3 });
    expect(readFileSync(at(file))).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.includes("none") || name.endsWith(".tmp"))).toEqual([]);
    const written = await run(["unwrap", file, "--output", "secret.txt"]);
    expect(written.status).toBe(0);
    expect(statSync(at("secret.txt")).mode & 0o777).toBe(0o600);
  });
});

describe("bad input", () => {
  test.each([
    [["wrap", "--key", "../x"], 2],
    [["wrap", "--key", "a b"], 2],
    [["wrap", "--key", "Default"], 2],
    [["wrap", "--key", "unknown"], 3],
    [["wrap", "--key", "default", "--context", "a=1", "--context", "a=2"], 2],
    [["wrap", "--key", "default", "--context", `a=${"x".repeat(1025)}`], 2],
    [["wrap", "--key", "default", ...Array.from({ length: 33 }, (_, index) => ["--context", `n${index}=1`]).flat()], 2],
    [["unwrap"], 4],
    [["nonsense"], 2],
  ])("%j: exit status %i and one line", async (args, status) => {
    const ran = await run(args, "hello");
    expect(ran).toMatchObject({ status, stdout: Buffer.alloc(0) });
    expect(ran.stderr).toMatch(/^keybroker: [^\n]+\n$/);
    expect(ran.stderr).not.toContain("hello");
  });

  test("an envelope cut, extended or altered is refused", async () => {
    const { stdout } = await run(["wrap", "--key", "default", "--binary"], "secret");
    const altered = Buffer.from(stdout);
    altered[altered.length - 1]! ^= 1;
    for (const bad of [stdout.subarray(0, -1), Buffer.concat([stdout, Buffer.of(0)]), altered])
      expect(await run(["unwrap"], bad)).toMatchObject({ status: 4, stdout: Buffer.alloc(0) });
  });
});

describe("envelopes", () => {
  test("are checked and inspected", async () => {
    const file = await wrapped("looked-at.kb1", "secret", "host=web1");
    const good = await run(["check", file, "--key", "default", "--context", "host=web1", "--deep", "--json"]);
    expect(JSON.parse(good.stdout.toString())).toMatchObject({
      matches: true,
      trusted: true,
      recipients: [{ matches: true }],
    });
    const bad = await run(["check", file, "--context", "host=web2"]);
    expect(bad.status).toBe(4);
    expect(bad.stdout.toString()).toContain("matches: no\n");
    const header = JSON.parse((await run(["inspect", file, "--json"])).stdout.toString()) as object;
    expect(header).toMatchObject({ key: "default", plaintextLength: 6, recipients: [{ providerKind: "env" }] });
  });

  test("are rewrapped in place, many at once, and still open", async () => {
    const names = await Promise.all(
      Array.from({ length: 20 }, (_, index) => wrapped(`many-${index}.kb1`, `secret ${index}`, `n=${index}`)),
    );
    writeFileSync(at("bad.kb1"), "kb1.AAAA\n");
    const before = names.map((name) => readFileSync(at(name), "utf8"));
    const ran = await run(["rewrap", "--key", "default", ...names, "bad.kb1"]);
    expect(ran.status).toBe(4);
    expect(ran.stderr).toMatch(
      /^keybroker: bad\.kb1: [^\n]+\n20 rewrapped, 1 failed\n {2}20 now under env [0-9a-f]{16}\n$/,
    );
    expect(readFileSync(at("bad.kb1"), "utf8")).toBe("kb1.AAAA\n");
    for (const [index, name] of names.entries()) {
      expect(readFileSync(at(name), "utf8")).not.toBe(before[index]);
      if (index % 7 > 0) continue;
      const opened = await run(["get", name, "--key", "default", "--context", `n=${index}`, "--format", "raw"]);
      expect(opened.stdout.toString()).toBe(`secret ${index}`);
    }
  });
});

describe("the daemon", () => {
  test("lists its keys and says how it is", async () => {
    expect((await run(["keys", "list"])).stdout.toString()).toMatch(/^default +local /m);
    const status = JSON.parse((await run(["status", "--json"])).stdout.toString()) as object;
    expect(status).toMatchObject({ realm: "local", providers: [{ kind: "env", reachable: true }] });
  });

  test("that is not there: exit status 6; one that comes is waited for", async () => {
    const later = daemonFolder();
    const address = `unix:${later}/state/keybroker.sock`;
    const gone = await run(["status", "--address", address]);
    expect(gone).toMatchObject({ status: 6, stdout: Buffer.alloc(0) });
    expect(gone.stderr).toMatch(/^keybroker: cannot reach the daemon at [^\n]+keybroker serve[^\n]+\n$/);
    const waiting = run(["status", "--address", address, "--wait", "30s"]);
    const started = await startDaemon({ folder: later });
    expect(await waiting).toMatchObject({ status: 0 });
    await started.stop();
  });
});

describe("a program with keys in its environment", () => {
  test("has them, and its parent's arguments and environment do not", async () => {
    const file = await wrapped("exec.kb1", "correct horse", "host=web1");
    const script = "printf '%s|' \"$SECRET\"; tr '\\0' ' ' </proc/$PPID/cmdline; tr '\\0' ' ' </proc/$PPID/environ";
    const ran = await run(
      [
        "exec",
        "--key",
        "default",
        "--context",
        "host=web1",
        "--env",
        `SECRET=${file}`,
        "--format",
        "raw",
        "--",
        "sh",
        "-c",
        script,
      ],
      undefined,
      { KEYBROKER_MASTER_KEY: "not for the child" },
    );
    const [secret, parent] = ran.stdout.toString().split("|");
    expect(secret).toBe("correct horse");
    expect(parent).toContain("exec --key default");
    expect(parent).not.toContain("correct horse");
  });
});

describe("other commands", () => {
  test("config check finds every problem", async () => {
    writeFileSync(at("bad.yaml"), "version: 1\nrealm: Prod\nkeys:\n\tx: 1\n");
    const bad = await run(["config", "check", "bad.yaml"]);
    expect(bad.status).toBe(2);
    expect(bad.stderr).toMatch(/bad\.yaml:\d+:\d+: /);
    expect(bad.stderr).toMatch(/keybroker: bad\.yaml: [^\n]+\n$/);
    const json = await run(["config", "check", "--json"], undefined, { KEYBROKER_CONFIG: "bad.yaml" });
    expect(json).toMatchObject({ status: 2, stderr: "" });
    expect(JSON.parse(json.stdout.toString())).toMatchObject({ ok: false });
    expect(await run(["config", "check", "none.yaml"])).toMatchObject({ status: 2 });
  });

  test("generate-master-key makes one once", async () => {
    expect(await run(["generate-master-key", "--to-file", "master-key"])).toMatchObject({
      status: 0,
      stdout: Buffer.alloc(0),
    });
    expect(readFileSync(at("master-key"), "utf8")).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(statSync(at("master-key")).mode & 0o777).toBe(0o600);
    const before = readFileSync(at("master-key"));
    expect(await run(["generate-master-key", "--to-file", "master-key"])).toMatchObject({ status: 2 });
    expect(readFileSync(at("master-key"))).toEqual(before);
  });

  test("completion completes", async () => {
    writeFileSync(at("completion.sh"), (await run(["completion", "bash"])).stdout);
    const complete = (line: string): string => {
      const words = line.split(" ");
      const script = `source ${at("completion.sh")}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _keybroker; echo "\${COMPREPLY[*]}"`;
      return execFileSync("bash", ["-c", script], { encoding: "utf8" }).trim();
    };
    expect(complete("keybroker unw")).toBe("unwrap");
    expect(complete("keybroker keys l")).toBe("list");
    expect(complete("keybroker wrap --out")).toBe("--output");
    expect(complete("keybroker generate --out").split(" ").sort()).toEqual(["--out-envelope", "--output"]);
    expect((await run(["completion", "zsh"])).stdout.toString()).toMatch(/^#compdef keybroker\n/);
    expect((await run(["completion", "fish"])).stdout.toString()).toMatch(/-a unwrap -d 'Unwrap/);
    expect(await run(["completion", "csh"])).toMatchObject({ status: 2 });
  });

  test("a terminal never shows a data key unless asked", async () => {
    const file = await wrapped("terminal.kb1", "correct horse");
    // script(1) gives the command a terminal of its own.
    const onTerminal = (...flags: string[]): Promise<string> =>
      new Promise((resolve) => {
        const command = [process.execPath, program, "unwrap", file, ...flags].join(" ");
        const child = spawn("script", ["-qec", command, "/dev/null"], {
          cwd: folder,
          env: { ...daemon.env, TERM: "xterm" },
        });
        let output = "";
        child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
        child.on("close", () => resolve(output));
      });
    expect(existsSync("/usr/bin/script")).toBe(true);
    expect(await onTerminal()).toContain("refusing to write a data key to a terminal");
    expect(await onTerminal("--force-terminal")).toContain("correct horse");
  });
});
