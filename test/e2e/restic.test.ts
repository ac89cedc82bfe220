// Debian's own restic, unmodified, with a password that exists only as an envelope.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { available } from "../backends/available.ts";
import { daemonFolder, program, startDaemon, type Daemon } from "../backends/daemon.ts";
import { digests, writeFiles } from "../backends/folders.ts";
import { keybroker, run, type Ran } from "../backends/keybroker.ts";
import { configuration, masterKeyFile } from "../backends/master-keys.ts";
import { restic } from "../backends/restic.ts";
import { until } from "../backends/until.ts";

const resticPath = available(restic);

describe.skipIf(!resticPath)("restic", () => {
  const folder = daemonFolder();
  const at = (name: string) => join(folder, name);
  const context = ["--context", "host=db1.example", "--context", "set=nightly"];
  const keys = {
    "1": `file:${masterKeyFile(folder, "key-1").path}`,
    "2": `file:${masterKeyFile(folder, "key-2").path}`,
  };
  const versions = { first: { "1": keys["1"] }, both: keys, second: { "2": keys["2"] } };
  let daemon: Daemon;

  const start = (text: string) => startDaemon({ folder, configuration: text, socket: "keybroker.sock" });
  const cli = (...args: string[]) => keybroker(args, { env: daemon.env, cwd: folder });

  /** restic with the password command that its users write. */
  function withRestic(
    args: readonly string[],
    envelope = "password.kb",
    contextWords = context.join(" "),
  ): Promise<Ran> {
    const get = `${process.execPath} ${program} get ${at(envelope)} --key backups/files ${contextWords}`;
    const env = { ...daemon.env, HOME: folder, RESTIC_REPOSITORY: at("repository"), RESTIC_PASSWORD_COMMAND: get };
    return run([resticPath!, "--no-cache", ...args], { env, cwd: folder });
  }

  async function done(ran: Promise<Ran>): Promise<Ran> {
    const answer = await ran;
    expect(answer.status, answer.stderr).toBe(0);
    return answer;
  }

  async function reload(text: string): Promise<void> {
    writeFileSync(at("keybroker.yaml"), text);
    const before = await digest();
    daemon.signal("SIGHUP");
    await until("the reload", async () => ((await digest()) === before ? undefined : true));
  }

  async function digest(): Promise<string> {
    const { stdout } = await done(cli("status", "--json"));
    const status = JSON.parse(stdout.toString()) as Record<string, unknown>;
    return String(status["configurationDigest"]);
  }

  const versionThatOpens = async (): Promise<string> => {
    const { stdout } = await done(cli("check", "password.kb", "--key", "backups/files", ...context, "--json"));
    return (JSON.parse(stdout.toString()) as { version: string }).version;
  };

  beforeAll(async () => {
    mkdirSync(at("data"));
    writeFiles(at("data"), 1000);
    daemon = await start(configuration(versions.first, "1"));
    const generate = ["generate", "--key", "backups/files", ...context, "--without-plaintext"];
    await done(cli(...generate, "--output", "password.kb"));
  });

  afterAll(async () => {
    await daemon?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("backs up 1,000 files, and restores them byte for byte after its master key was replaced and retired", async () => {
    await done(withRestic(["init"]));
    const backup = await done(withRestic(["backup", "data"]));
    expect(backup.stdout.toString()).toContain("Files:        1000 new");
    expect(await versionThatOpens()).toBe("1");

    // A new version wraps; the old one still opens.
    await reload(configuration(versions.both, "2"));
    await done(withRestic(["snapshots"]));
    copyFileSync(at("password.kb"), at("old-password.kb"));
    await done(cli("rewrap", "password.kb"));
    expect(readFileSync(at("password.kb"))).not.toEqual(readFileSync(at("old-password.kb")));
    expect(await versionThatOpens()).toBe("2");

    // The old version is retired: what was rewrapped opens, what was not is refused.
    await reload(configuration(versions.second, "2"));
    const old = await withRestic(["snapshots"], "old-password.kb");
    expect(old.status).not.toBe(0);
    await done(withRestic(["restore", "latest", "--target", at("restored")]));
    expect(digests(at("restored/data"))).toEqual(digests(at("data")));
    expect(digests(at("data")).size).toBe(1000);
  });

  test("stops with one line of ours when the daemon is not there, and its repository is unharmed", async () => {
    await daemon.stop();
    const failed = await withRestic(["backup", "data"]);
    expect(failed.status).not.toBe(0);
    expect(failed.stderr.split("\n").filter((line) => line.startsWith("keybroker:"))).toHaveLength(1);
    daemon = await start(configuration(versions.second, "2"));
    await done(withRestic(["check", "--read-data"]));
    const { stdout } = await done(withRestic(["snapshots", "--json"]));
    expect(JSON.parse(stdout.toString())).toHaveLength(1);
  });

  test.each([
    ["a tampered envelope", "tampered.kb", context.join(" "), /keybroker: /],
    ["another context", "password.kb", "--context host=db2.example --context set=nightly", /keybroker: /],
    ["no context", "password.kb", "", /keybroker: /],
  ])("is refused %s", async (_, envelope, contextWords, line) => {
    const text = readFileSync(at("password.kb"), "utf8");
    // The last but one character: the last may hold bits that the encoding does not use.
    const flipped = text.trimEnd().at(-2) === "A" ? "B" : "A";
    writeFileSync(at("tampered.kb"), `${text.trimEnd().slice(0, -2)}${flipped}${text.trimEnd().at(-1)}\n`);
    const failed = await withRestic(["snapshots"], envelope, contextWords);
    expect(failed.status).not.toBe(0);
    expect(failed.stderr).toMatch(line);
    const direct = await cli("get", at(envelope), "--key", "backups/files", ...contextWords.split(" ").filter(Boolean));
    expect(direct.status, direct.stderr).toBe(4);
    expect(direct.stdout).toHaveLength(0);
  });

  test("is refused another key, and an envelope of another key", async () => {
    const asOther = await cli("get", "password.kb", "--key", "backups/other", ...context);
    expect(asOther.status).toBe(4);
    await done(cli("generate", "--key", "backups/other", ...context, "--without-plaintext", "--output", "other.kb"));
    const failed = await withRestic(["snapshots"], "other.kb");
    expect(failed.status).not.toBe(0);
    expect(failed.stderr).toMatch(/keybroker: /);
  });
});
