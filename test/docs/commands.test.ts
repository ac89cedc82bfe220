// The commands that the documents show are run as they stand, against a daemon of their own.

import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { available, root } from "../backends/available.ts";
import { commandFolder } from "../backends/command-line.ts";
import { startDaemon, type Daemon } from "../backends/daemon.ts";
import { gpg } from "../backends/gpg.ts";
import { run } from "../backends/keybroker.ts";
import { configuration, masterKeyFile } from "../backends/master-keys.ts";
import { restic } from "../backends/restic.ts";
import { markers, otherBlocks, runnableBlocks, type Block } from "./blocks.ts";

const documents = globSync(["*.md", "docs/*.md", "providers/*/README.md"], { cwd: root }).map((path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
}));
const shown = documents.filter(({ text }) => runnableBlocks(text).length > 0);

/** Programs of others that a block needs. */
const tools = [restic, gpg];
const runs = ({ commands }: Block): boolean =>
  tools.every((tool) => !new RegExp(`^${tool.name} `, "m").test(commands) || available(tool) !== undefined);

test.each(documents)("$path: every marked block is a block of shell", ({ text }) => {
  expect(runnableBlocks(text)).toHaveLength(markers(text));
});

/** `npm start` and `npm test` are what runs this; the script has tests of its own; the rest is other people's programs. */
const notRun = /^npm start |encrypt-folder\.sh|\bborg\b|\bpgbackrest\b|\bgcloud\b/;

test.each(documents)("$path: shows no commands that nothing runs", ({ text }) => {
  expect(otherBlocks(text).filter((commands) => !notRun.test(commands))).toEqual([]);
});

test("the README has commands that run", () => {
  expect(shown.map(({ path }) => path)).toContain("README.md");
});

describe.each(shown)("$path", ({ text }) => {
  let daemon: Daemon;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    daemon = await startDaemon();
    const path = `${commandFolder(daemon.folder)}:${process.env["PATH"]}`;
    env = { PATH: path, HOME: daemon.folder, KEYBROKER_ADDRESS: daemon.address };
    cpSync(join(root, "docs"), join(daemon.folder, "docs"), { recursive: true });
    cpSync(join(root, "config.example.yaml"), join(daemon.folder, "config.example.yaml"), { force: true });
    const text = configuration({ "1": `file:${masterKeyFile(daemon.folder, "key-1").path}` }, "1");
    writeFileSync(join(daemon.folder, "keybroker.yaml"), text, { mode: 0o600 });
  });

  afterAll(async () => {
    await daemon?.stop();
    rmSync(daemon.folder, { recursive: true, force: true });
  });

  for (const block of runnableBlocks(text))
    test.skipIf(!runs(block))(`line ${block.line}`, async () => {
      const command = ["bash", "-euo", "pipefail", "-c", block.commands];
      const { status, stderr, stdout } = await run(command, { env, cwd: daemon.folder });
      expect(status, `${stdout.toString()}${stderr}`).toBe(0);
      expect(stderr).not.toMatch(/^keybroker: /m);
    });
});
