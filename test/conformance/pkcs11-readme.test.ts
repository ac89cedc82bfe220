// The set-up of providers/pkcs11/README.md, run as it stands over SoftHSM, and its table of settings.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import pkcs11 from "../../providers/pkcs11/index.ts";
import { available, root } from "../backends/available.ts";
import { softhsm } from "../backends/softhsm.ts";

const program = available(softhsm);
const readme = readFileSync(join(root, "providers/pkcs11/README.md"), "utf8");
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) => text!);

test("the table of settings has every setting", () => {
  const { shape } = pkcs11.settings as unknown as { shape: Record<string, unknown> };
  const section = /^## Settings\n([^]*?)^## /m.exec(readme)![1]!;
  const rows = [...section.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
  expect(rows).toEqual(Object.keys(shape));
});

describe.skipIf(program === undefined)("over SoftHSM", () => {
  const folder = mkdtempSync(join(tmpdir(), "keybroker-pkcs11-readme-"));
  beforeAll(() => {
    const cli = `#!/bin/sh\nexec "${process.execPath}" "${join(root, "src/main.ts")}" "$@"\n`;
    writeFileSync(join(folder, "keybroker"), cli, { mode: 0o755 });
    writeFileSync(join(folder, "config.yaml"), blocks("yaml")[0]!.replaceAll("/etc/keybroker", folder), {
      mode: 0o600,
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (commands: string) =>
    spawnSync("bash", ["-euo", "pipefail", "-c", commands], {
      cwd: folder,
      env: { PATH: [folder, process.env["PATH"]].join(delimiter), HOME: folder },
      encoding: "utf8",
    });

  test("the set-up ends with a key that wraps, and a doctor who finds nothing", () => {
    const [setUp, make] = blocks("bash");
    const made = run(setUp!);
    expect(made.status, made.stderr).toBe(0);
    const looked = run(make!);
    expect(looked.status, looked.stdout + looked.stderr).toBe(0);
    expect(looked.stdout).toContain('- { provider: hsm-fra, label: "kb-backups", id: "0a" }');
    expect(looked.stdout).toContain("all good");
    expect(looked.stdout + looked.stderr).not.toContain(readFileSync(join(folder, "hsm-pin"), "utf8").trim());
  });

  test("a key is not made twice", () => {
    const again = run(blocks("bash")[1]!);
    expect(again.status).toBe(2);
    expect(again.stderr).toContain("has a key with label kb-backups already");
  });
});
