// The commands against a daemon in this process: what they read, ask, write, and exit with.

import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decode, toText } from "../../../src/envelope/index.ts";
import { FakeDaemon, Refusal } from "../client/fake-daemon.ts";
import { cli as run, folder, type Folder, type Ran, type Run } from "./harness.ts";
import { someEnvelope } from "./envelope.ts";

let daemon: FakeDaemon;
let files: Folder;
const envelope = someEnvelope(1);
const text = `${toText(envelope)}\n`;
const dataKey = Buffer.from("00ff10", "hex");

const cli = (argv: string[], options: Run = {}): Promise<Ran> =>
  run(argv, { ...options, env: { KEYBROKER_ADDRESS: daemon.address, ...options.env } });
const lastRequest = (): Record<string, unknown> => daemon.asked.at(-1)!.request as Record<string, unknown>;

beforeEach(async () => {
  files = folder();
  daemon = new FakeDaemon(({ name }) => {
    if (name === "wrap") return { envelope };
    if (name === "unwrap") return { plaintext: dataKey, key: "backups/db" };
    if (name === "generateDataKey") return { envelope, plaintext: dataKey };
    if (name === "rewrap") return { envelope: someEnvelope(2) };
    return {};
  });
  await daemon.start();
});

afterEach(() => {
  daemon.stop();
  files.remove();
});

describe("wrap", () => {
  test("reads standard input byte for byte and writes a line of text", async () => {
    const ran = await cli(["wrap", "--key", "backups/db", "--context", "host=db1", "--context", "set=a=b"], {
      stdin: dataKey,
    });
    expect(ran).toMatchObject({ exit: 0, text, stderr: "" });
    expect(lastRequest()).toMatchObject({ key: "backups/db", context: { host: "db1", set: "a=b" } });
    expect(Buffer.from(lastRequest()["plaintext"] as Uint8Array)).toEqual(dataKey);
  });

  test("takes a file, and flags from variables", async () => {
    writeFileSync(files.at("key"), dataKey);
    const env = {
      KEYBROKER_KEY_NAME: "backups/db",
      KEYBROKER_CONTEXT: "host=db1,note=a\\,b\\\\c",
      KEYBROKER_OUTPUT: files.at("out"),
      KEYBROKER_BINARY: "true",
    };
    expect(await cli(["wrap", files.at("key")], { env })).toMatchObject({ exit: 0, text: "", stderr: "" });
    expect(lastRequest()).toMatchObject({ key: "backups/db", context: { host: "db1", note: "a,b\\c" } });
    expect(readFileSync(files.at("out"))).toEqual(Buffer.from(envelope));
    expect(files.names()).toEqual(["key", "out"]);
  });

  test("a flag wins over its variable", async () => {
    await cli(["wrap", "--key", "flag"], { stdin: dataKey, env: { KEYBROKER_KEY_NAME: "variable" } });
    expect(lastRequest()).toMatchObject({ key: "flag" });
  });

  test.each([
    [["wrap"], "--key is needed"],
    [["wrap", "--key", "k", "--context", "a=1", "--context", "a=2"], "--context a is given twice"],
    [["wrap", "--key", "k", "--context", "a"], "NAME=VALUE"],
    [["wrap", "--key", "k", "--context", "A=1"], "a-z 0-9"],
    [["wrap", "--key", "k", "--context", "__proto__=1"], "a-z 0-9"],
    [["wrap", "--key", "k", "--context", "a=\uFFFD"], "not UTF-8"],
    [["wrap", "--key", "k", "--timeout", "5"], "no duration"],
    [["wrap", "--key", "k", "--nope"], "unknown option"],
    [["wrap", "--key", "k", "a", "b"], "too many arguments"],
    [["wrap", "--key", "k", "nowhere"], "there is no such file"],
    [["wrap", "--key", "k", "."], "it is a folder"],
    [["wrap", "--key", "k", "--address", "localhost"], "host:port"],
    [["wrap", "--key", "k", "--address", "localhost:1"], "--cert and --tls-key"],
    [
      ["wrap", "--key", "k", "--address", "localhost:1", "--cert", "nowhere", "--tls-key", "x"],
      "there is no such file",
    ],
  ])("wrong usage %j: exit status 2, one line, nothing asked", async (argv, message) => {
    const ran = await cli(argv, { stdin: dataKey });
    expect(ran).toMatchObject({ exit: 2, text: "" });
    expect(ran.stderr).toMatch(/^keybroker: [^\n]+\n$/);
    expect(ran.stderr).toContain(message);
    expect(daemon.asked).toHaveLength(0);
  });

  test("an empty and an oversized data key are refused", async () => {
    expect(await cli(["wrap", "--key", "k"])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining("empty") as string,
    });
    const long = await cli(["wrap", "--key", "k"], { stdin: new Uint8Array(65_537) });
    expect(long).toMatchObject({ exit: 2, stderr: expect.stringContaining("65,536") as string });
    expect(await cli(["wrap", "--key", "k"], { stdin: new Uint8Array(65_536) })).toMatchObject({ exit: 0 });
  });

  test("a wrong variable is named", async () => {
    const env = { KEYBROKER_TIMEOUT: "soon", KEYBROKER_KEY_NAME: "k" };
    expect((await cli(["wrap"], { stdin: dataKey, env })).stderr).toContain("KEYBROKER_TIMEOUT");
    const json = { KEYBROKER_OVERWRITE: "perhaps", KEYBROKER_KEY_NAME: "k" };
    expect((await cli(["wrap"], { stdin: dataKey, env: json })).stderr).toContain("KEYBROKER_OVERWRITE");
  });
});

describe("unwrap", () => {
  test.each([
    ["text", text],
    ["text with white space around", ` \n${text}\n`],
    ["text with a DOS line end", text.replace("\n", "\r\n")],
    ["binary", Buffer.from(envelope)],
  ])("reads an envelope as %s and writes the data key as it is", async (_form, stdin) => {
    const ran = await cli(["unwrap", "--key", "backups/db", "--context", "host=db1"], { stdin });
    expect(ran.exit).toBe(0);
    expect(ran.stdout).toEqual(dataKey);
    expect(lastRequest()).toMatchObject({ key: "backups/db", context: { host: "db1" } });
    expect(Buffer.from(lastRequest()["envelope"] as Uint8Array)).toEqual(Buffer.from(envelope));
  });

  test.each([
    ["something else", "hello"],
    ["two lines", `${text}${text}`],
    ["altered text", text.replace("kb1.", "kb1.=")],
    ["nothing", ""],
  ])("%s is no envelope: exit status 4, nothing asked", async (_what, stdin) => {
    expect(await cli(["unwrap"], { stdin })).toMatchObject({ exit: 4, text: "" });
    expect(daemon.asked).toHaveLength(0);
  });

  test("never to a terminal unless asked for", async () => {
    const refused = await cli(["unwrap"], { stdin: text, terminals: ["stdout"] });
    expect(refused).toMatchObject({ exit: 2, text: "" });
    expect(refused.stderr).toContain("--force-terminal");
    expect(daemon.asked).toHaveLength(0);
    const forced = await cli(["unwrap", "--force-terminal"], { stdin: text, terminals: ["stdout"] });
    expect(forced.stdout).toEqual(dataKey);
  });

  test("waits for no input from a terminal unless told to", async () => {
    expect(await cli(["unwrap"], { terminals: ["stdin"] })).toMatchObject({ exit: 2 });
  });

  test("a file for the data key: mode 0600, whole, and never over another", async () => {
    const file = files.at("data.key");
    expect(await cli(["unwrap", "--output", file], { stdin: text })).toMatchObject({ exit: 0, text: "" });
    expect(readFileSync(file)).toEqual(dataKey);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    daemon.asked.length = 0;
    const again = await cli(["unwrap", "--output", file], { stdin: text });
    expect(again).toMatchObject({ exit: 2 });
    expect(again.stderr).toContain("--overwrite");
    expect(daemon.asked).toHaveLength(0);
    expect(await cli(["unwrap", "--output", file, "--overwrite"], { stdin: text })).toMatchObject({ exit: 0 });
    expect(files.names()).toEqual(["data.key"]);
  });

  test("a failure leaves no output", async () => {
    daemon.handler = () => {
      throw new Refusal("ENVELOPE_REFUSED", "envelope, context and key do not match");
    };
    const ran = await cli(["unwrap", "--output", files.at("data.key")], { stdin: text });
    expect(ran).toMatchObject({ exit: 4, stderr: "keybroker: envelope, context and key do not match\n" });
    expect(files.names()).toEqual([]);
  });

  test("with --json an object, the data key in base64url", async () => {
    const ran = await cli(["unwrap", "--json"], { stdin: text });
    expect(JSON.parse(ran.text)).toEqual({ plaintext: "AP8Q", key: "backups/db", rewrapDue: false });
  });

  test("says when the envelope should be rewrapped", async () => {
    daemon.handler = () => ({ plaintext: dataKey, key: "k", rewrapDue: true });
    writeFileSync(files.at("e"), text);
    const ran = await cli(["unwrap", files.at("e")]);
    expect(ran).toMatchObject({
      exit: 0,
      stderr: `keybroker: this envelope is due for \`keybroker rewrap ${files.at("e")}\`\n`,
    });
  });
});

describe("get", () => {
  const get = (...argv: string[]): Promise<Ran> => cli(["get", "-", "--key", "k", ...argv], { stdin: text });

  test.each([
    [[], "AP8Q\n"],
    [["--newline", "never"], "AP8Q"],
    [["--format", "hex"], "00ff10\n"],
    [["--format", "hex", "--newline", "never"], "00ff10"],
  ])("%j prints %j", async (argv, printed) => {
    expect(await get(...argv)).toMatchObject({ exit: 0, text: printed, stderr: "" });
  });

  test.each([
    ["pässword", ["--format", "raw"], "pässword"],
    ["pässword\n", ["--format", "raw"], "pässword\n"],
    ["pässword\n", ["--format", "raw", "--newline", "never"], "pässword"],
  ])("raw: %j stays a line", async (password, argv, printed) => {
    daemon.handler = () => ({ plaintext: Buffer.from(password) });
    expect((await get(...argv)).text).toBe(printed);
  });

  test.each(["two\nlines", "\n", "nul\0", "\x7f", "\u0085", "\u2028", "\n\n"])("raw refuses %j", async (password) => {
    daemon.handler = () => ({ plaintext: Buffer.from(password) });
    expect(await get("--format", "raw")).toMatchObject({ exit: 1, text: "" });
  });

  test("needs --key or --any-key, and not both", async () => {
    expect(await cli(["get", "-"], { stdin: text })).toMatchObject({ exit: 2 });
    expect(await cli(["get", "-", "--any-key"], { stdin: text })).toMatchObject({ exit: 0 });
    expect(await get("--any-key")).toMatchObject({ exit: 2 });
    expect((await cli(["get"])).stderr).toContain("missing required argument");
  });

  test("has a deadline of its own", async () => {
    daemon.handler = () => new Promise(() => undefined);
    const ran = await get("--timeout", "50ms");
    expect(ran).toMatchObject({ exit: 6, stderr: "keybroker: no answer within 50 ms\n" });
  });
});

describe("generate", () => {
  test("writes the envelope, then the data key", async () => {
    const ran = await cli(["generate", "--key", "k", "--length", "16", "--out-envelope", files.at("e")]);
    expect(ran).toMatchObject({ exit: 0, text: "AP8Q\n" });
    expect(readFileSync(files.at("e"), "utf8")).toBe(text);
    expect(lastRequest()).toMatchObject({ key: "k", length: 16, withoutPlaintext: false });
  });

  test("hands out no data key whose envelope could not be kept", async () => {
    const ran = await cli(["generate", "--key", "k", "--out-envelope", files.at("no/e")]);
    expect(ran).toMatchObject({ exit: 1, text: "" });
    writeFileSync(files.at("e"), "mine");
    expect(await cli(["generate", "--key", "k", "--out-envelope", files.at("e")])).toMatchObject({ exit: 2, text: "" });
    expect(readFileSync(files.at("e"), "utf8")).toBe("mine");
    expect(await cli(["generate", "--key", "k"])).toMatchObject({ exit: 2, text: "" });
  });

  test("without the data key, the envelope alone", async () => {
    daemon.handler = () => ({ envelope });
    expect(await cli(["generate", "--key", "k", "--without-plaintext"])).toMatchObject({ exit: 0, text });
    expect(lastRequest()).toMatchObject({ withoutPlaintext: true });
  });

  test("both in an object", async () => {
    const ran = await cli(["generate", "--key", "k", "--json"]);
    expect(JSON.parse(ran.text)).toEqual({ envelope: text.trim(), plaintext: "AP8Q" });
  });

  test.each(["15", "65", "x", "-16", "16.5"])("refuses a length of %s", async (length) => {
    const ran = await cli(["generate", "--key", "k", "--json", `--length=${length}`]);
    expect(ran).toMatchObject({ exit: 2, text: "" });
  });
});

describe("rewrap", () => {
  const rewrapped = someEnvelope(2);
  const newText = `${toText(rewrapped)}\n`;

  test("from input to output, in the form it came in", async () => {
    expect((await cli(["rewrap"], { stdin: text })).text).toBe(newText);
    expect((await cli(["rewrap"], { stdin: Buffer.from(envelope) })).stdout).toEqual(Buffer.from(rewrapped));
  });

  test("files in place: form and mode stay, links stay links", async () => {
    writeFileSync(files.at("a"), text);
    writeFileSync(files.at("b"), envelope);
    chmodSync(files.at("b"), 0o640);
    symlinkSync("a", files.at("link"));
    const ran = await cli(["rewrap", files.at("link"), files.at("b"), "--key", "k"]);
    expect(ran).toMatchObject({ exit: 0, text: "", stderr: "2 rewrapped, 0 failed\n  2 now under env id\n" });
    expect(readFileSync(files.at("a"), "utf8")).toBe(newText);
    expect(readFileSync(files.at("b"))).toEqual(Buffer.from(rewrapped));
    expect(statSync(files.at("b")).mode & 0o777).toBe(0o640);
    expect(files.names()).toEqual(["a", "b", "link"]);
  });

  test("keeps going when a file fails, and leaves that file alone", async () => {
    daemon.handler = ({ request }) => {
      if (decode((request as { envelope: Uint8Array }).envelope).dataKeyLength === 3) throw new Refusal("DENIED", "no");
      return { envelope: rewrapped };
    };
    const denied = someEnvelope(3);
    for (const name of ["a", "b", "c"]) writeFileSync(files.at(name), name === "b" ? denied : text);
    const ran = await cli(["rewrap", ...["a", "b", "c", "none"].map((name) => files.at(name))]);
    expect(ran.exit).toBe(1);
    expect(ran.stderr).toContain(`keybroker: ${files.at("b")}: no\n`);
    expect(ran.stderr).toContain(`keybroker: ${files.at("none")} cannot be read: there is no such file\n`);
    expect(ran.stderr).toContain("2 rewrapped, 2 failed\n");
    expect(readFileSync(files.at("b"))).toEqual(Buffer.from(denied));
    expect(readFileSync(files.at("c"), "utf8")).toBe(newText);
  });

  test("in folders every envelope, in either form, and nothing else", async () => {
    mkdirSync(files.at("in/deep"), { recursive: true });
    const [one, two, other] = [files.at("in/a"), files.at("in/deep/b.key"), files.at("in/readme")];
    writeFileSync(one, text);
    writeFileSync(two, envelope);
    writeFileSync(other, "kb1 is the form of envelopes");
    symlinkSync(one, files.at("in/link"));
    const ran = await cli(["rewrap", files.at("in"), one]);
    expect(ran).toMatchObject({ exit: 0, stderr: "2 rewrapped, 0 failed, 1 no envelopes\n  2 now under env id\n" });
    expect(readFileSync(one, "utf8")).toBe(newText);
    expect(readFileSync(two)).toEqual(Buffer.from(rewrapped));
    expect(readFileSync(other, "utf8")).toBe("kb1 is the form of envelopes");
  });

  test("says which master keys the files need that were left", async () => {
    daemon.handler = ({ request }) => {
      const { dataKeyLength } = decode((request as { envelope: Uint8Array }).envelope);
      if (dataKeyLength === 3) throw new Refusal("ENVELOPE_REFUSED", "not here");
      return { envelope: rewrapped };
    };
    for (const name of ["a", "b", "c"]) writeFileSync(files.at(name), name === "b" ? text : someEnvelope(3));
    const ran = await cli(["rewrap", "--key", "k", ...["a", "b", "c"].map((name) => files.at(name))]);
    expect(ran.exit).toBe(4);
    expect(ran.stderr).toMatch(/1 rewrapped, 2 failed\n {2}1 now under env id\n {2}2 left, and need env id\n$/);
    const object = JSON.parse((await cli(["rewrap", "--json", files.at("a")])).text) as object;
    expect(object).toMatchObject({ files: [{ masterKeys: "env id", failure: { reason: "ENVELOPE_REFUSED" } }] });
  });

  test("--dry-run asks and writes nothing", async () => {
    writeFileSync(files.at("a"), text);
    const ran = await cli(["rewrap", "--dry-run", files.at("a")]);
    expect(ran).toMatchObject({ exit: 0, stderr: "1 would be rewrapped, 0 failed\n  1 would be under env id\n" });
    expect(readFileSync(files.at("a"), "utf8")).toBe(text);
    expect(daemon.asked).toHaveLength(1);
  });

  test("an answer that is no envelope replaces nothing", async () => {
    daemon.handler = () => ({ envelope: Uint8Array.of(1, 2, 3) });
    writeFileSync(files.at("a"), text);
    expect((await cli(["rewrap", files.at("a")])).exit).toBe(4);
    expect(readFileSync(files.at("a"), "utf8")).toBe(text);
  });

  test("stops when the daemon is gone, and says what was not tried", async () => {
    daemon.kill();
    const names = Array.from({ length: 100 }, (_, index) => files.at(String(index)));
    for (const name of names) writeFileSync(name, text);
    const ran = await cli(["rewrap", "--json", ...names]);
    expect(ran.exit).toBe(6);
    const { failed, notTried, rewrapped: done } = JSON.parse(ran.text) as Record<string, number>;
    expect(done).toBe(0);
    expect(failed! + notTried!).toBe(100);
    expect(notTried).toBeGreaterThan(0);
  });

  test("draws progress on a terminal alone", async () => {
    for (const name of ["a", "b"]) writeFileSync(files.at(name), text);
    const argv = ["rewrap", files.at("a"), files.at("b")];
    expect((await cli(argv, { terminals: ["stderr"] })).stderr).toContain("] 2/2");
    expect((await cli(argv)).stderr).not.toContain("]");
  });
});

describe("check and inspect", () => {
  test("check exits 0 when it matches", async () => {
    daemon.handler = () => ({ matches: true, trusted: true, version: "1" });
    const ran = await cli(["check", "--key", "k", "--deep"], { stdin: text });
    expect(ran).toMatchObject({ exit: 0, text: "matches: yes\ntrusted: yes\nversion: 1\nrewrap due: no\n" });
    expect(lastRequest()).toMatchObject({ key: "k", deep: true });
  });

  test("check exits with the reason's status when it does not", async () => {
    daemon.handler = () => ({ matches: false, reason: 7 });
    const ran = await cli(["check", "--json"], { stdin: text });
    expect(ran.exit).toBe(4);
    expect(JSON.parse(ran.text)).toMatchObject({ matches: false, reason: "ENVELOPE_REFUSED" });
  });

  test("check --deep fails when one recipient does", async () => {
    const recipients = [
      { provider: "a", matches: true },
      { provider: "b", matches: false, reason: 8 },
    ];
    daemon.handler = () => ({ matches: true, trusted: true, recipients });
    const ran = await cli(["check", "--deep"], { stdin: text });
    expect(ran.exit).toBe(5);
    expect(ran.text).toMatch(/^b +no +PROVIDER_UNAVAILABLE$/m);
  });

  test("inspect shows the header", async () => {
    daemon.handler = () => ({
      realm: "prod",
      key: "backups/db",
      suite: 1,
      threshold: 1,
      branchId: new Uint8Array(16).fill(0xab),
      recipients: [{ provider: "hsm", providerKind: "env", scheme: 1, masterKeyId: "id", version: "2" }],
      plaintextLength: 32,
    });
    const ran = await cli(["inspect"], { stdin: text });
    expect(ran.text).toContain("branch: abababab");
    expect(ran.text).toMatch(/^hsm +env +1 +id +2$/m);
    const object = JSON.parse((await cli(["inspect", "--json"], { stdin: text })).text) as object;
    expect(object).toMatchObject({ realm: "prod", branchId: "ab".repeat(16), recipients: [{ provider: "hsm" }] });
  });
});

describe("keys list and status", () => {
  test("keys list as a table and as an object", async () => {
    const recipients = [{ provider: "hsm" }, { provider: "old", unwrapOnly: true }];
    daemon.handler = () => ({ keys: [{ name: "backups/db", recipients, branchKeyWraps: 7n }] });
    expect((await cli(["keys", "list"])).text).toMatch(/^backups\/db +hsm, old \(unwrap only\) +none yet +7 +no$/m);
    const { keys } = JSON.parse((await cli(["keys", "list", "--json"])).text) as { keys: object[] };
    expect(keys).toMatchObject([{ name: "backups/db", branchKeyWraps: "7" }]);
  });

  test("status", async () => {
    daemon.handler = () => ({
      version: "9",
      realm: "prod",
      warnings: ["a development key"],
      providers: [{ name: "p", kind: "env" }],
    });
    const ran = await cli(["status"]);
    expect(ran.text).toContain("warning: a development key\n");
    expect(ran.text).toMatch(/^p +env +not called yet +no +no$/m);
    expect(JSON.parse((await cli(["status", "--json"])).text)).toMatchObject({ version: "9", realm: "prod" });
  });

  test("what a daemon says moves no cursor", async () => {
    daemon.handler = () => ({ realm: "a\u001b[2Jb\nc" });
    expect((await cli(["status"])).text).toContain("realm: a?[2Jb c\n");
  });
});

describe("failures", () => {
  test.each([
    ["DENIED", 3],
    ["IDENTITY_UNKNOWN", 3],
    ["KEY_DISABLED", 3],
    ["ENVELOPE_REFUSED", 4],
    ["REQUEST_INVALID", 2],
    ["INTERNAL", 1],
  ] as const)("%s exits with %i", async (reason, exit) => {
    daemon.handler = () => {
      throw new Refusal(reason, "what is wrong");
    };
    expect(await cli(["inspect"], { stdin: text })).toMatchObject({ exit, stderr: "keybroker: what is wrong\n" });
    const ran = await cli(["inspect", "--json"], { stdin: text });
    expect(JSON.parse(ran.stderr)).toMatchObject({ error: { exit, reason, message: "what is wrong" } });
    expect(ran.text).toBe("");
  });

  test.each(["PROVIDER_UNAVAILABLE", "QUOTA"] as const)("%s is tried again, then exits", async (reason) => {
    daemon.handler = () => {
      throw new Refusal(reason, "later", 1);
    };
    const ran = await cli(["inspect"], { stdin: text });
    expect(ran.exit).toBe(reason === "QUOTA" ? 7 : 5);
    expect(daemon.asked.length).toBeGreaterThan(1);
  });

  test("no daemon: exit status 6, and one line that says how to start one", async () => {
    daemon.stop();
    const ran = await cli(["status"]);
    expect(ran.exit).toBe(6);
    expect(ran.stderr).toMatch(/^keybroker: cannot reach the daemon at unix:\/[^\n]*keybroker serve[^\n]*\n$/);
    const folderless = await run(["status", "--state-dir", files.path]);
    expect(folderless.stderr).toContain(`unix:${files.at("keybroker.sock")}`);
  });

  test("--wait waits for a daemon that is not there yet, and no longer than that", async () => {
    daemon.kill();
    const waiting = cli(["status", "--wait", "5s"]);
    await daemon.start();
    expect(await waiting).toMatchObject({ exit: 0 });
    daemon.kill();
    expect(await cli(["status", "--wait", "30ms"])).toMatchObject({ exit: 6 });
  });

  test("several addresses: one that answers is enough", async () => {
    const address = `unix:${files.at("none")},${daemon.address}`;
    expect(await cli(["status", "--address", address])).toMatchObject({ exit: 0 });
  });

  test("colours on a terminal alone, and not where NO_COLOR is set", async () => {
    const argv = ["unwrap", "--nope"];
    const escape = "\u001b[";
    expect((await cli(argv, { terminals: ["stderr"] })).stderr).toContain(escape);
    expect((await cli(argv, { terminals: ["stderr"], env: { NO_COLOR: "1" } })).stderr).not.toContain(escape);
    expect((await cli(argv)).stderr).not.toContain(escape);
  });

  test("an unknown command names the nearest", async () => {
    const ran = await cli(["unwarp"]);
    expect(ran).toMatchObject({ exit: 2 });
    expect(ran.stderr).toContain("Did you mean unwrap?");
  });
});
