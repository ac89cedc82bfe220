// The script of the README: a tar stream, encrypted by gpg with a data key that exists only as an envelope.

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { available, root } from "../backends/available.ts";
import { commandFolder } from "../backends/command-line.ts";
import { startDaemon, type Daemon } from "../backends/daemon.ts";
import { digests, writeFiles } from "../backends/folders.ts";
import { gpg } from "../backends/gpg.ts";
import { run } from "../backends/keybroker.ts";

const script = join(root, "docs/examples/encrypt-folder.sh");

test("the README shows the script that is tested", () => {
  expect(readFileSync(join(root, "README.md"), "utf8").includes(readFileSync(script, "utf8"))).toBe(true);
});

describe.skipIf(!available(gpg))("encrypt-folder.sh", () => {
  let daemon: Daemon;
  const at = (name: string) => join(daemon.folder, name);

  function encryptFolder(...args: string[]) {
    const env = { PATH: `${at("bin")}:${process.env["PATH"]}`, HOME: daemon.folder, KEYBROKER_ADDRESS: daemon.address };
    return run(["bash", script, ...args], { env, cwd: daemon.folder });
  }

  beforeAll(async () => {
    daemon = await startDaemon();
    // npx is what people type; here it must find this build from any folder.
    commandFolder(daemon.folder);
    mkdirSync(at("data"));
    writeFiles(at("data"), 100);
  });

  afterAll(async () => {
    await daemon?.stop();
    rmSync(daemon.folder, { recursive: true, force: true });
  });

  test("encrypts a folder and restores it byte for byte", async () => {
    const saved = await encryptFolder("save", "data", "data.tar.gpg");
    expect(saved.status, saved.stderr).toBe(0);
    expect(statSync(at("data.tar.gpg")).mode & 0o777).toBe(0o600);
    expect(readFileSync(at("data.tar.gpg")).includes("file 1.bin")).toBe(false);
    const restored = await encryptFolder("restore", "data.tar.gpg", "restored");
    expect(restored.status, restored.stderr).toBe(0);
    expect(digests(at("restored"))).toEqual(digests(at("data")));
  });

  test("restores nothing under another name, which is its context", async () => {
    writeFileSync(at("renamed.tar.gpg"), readFileSync(at("data.tar.gpg")));
    writeFileSync(at("renamed.tar.gpg.kb"), readFileSync(at("data.tar.gpg.kb")));
    const refused = await encryptFolder("restore", "renamed.tar.gpg", "renamed");
    expect(refused.status).toBe(4);
    expect(() => statSync(at("renamed"))).toThrow();
  });

  test("encrypts nothing without the daemon", async () => {
    const address = daemon.env["KEYBROKER_ADDRESS"];
    const env = {
      PATH: `${at("bin")}:${process.env["PATH"]}`,
      HOME: daemon.folder,
      KEYBROKER_ADDRESS: `${address}.gone`,
    };
    const failed = await run(["bash", script, "save", "data", "none.tar.gpg"], { env, cwd: daemon.folder });
    expect(failed.status).toBe(6);
    expect(() => statSync(at("none.tar.gpg"))).toThrow();
  });
});
