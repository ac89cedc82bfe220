// The systemd unit, judged by systemd itself: without a fault, and as tight as the documentation says.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { available, root } from "../backends/available.ts";
import { run } from "../backends/keybroker.ts";
import { systemdAnalyze } from "../backends/systemd-analyze.ts";

const unit = readFileSync(join(root, "systemd/keybroker.service"), "utf8");
const env = { PATH: process.env["PATH"], SYSTEMD_COLORS: "0", LC_ALL: "C.UTF-8" };
let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kb-unit-"));
  file = join(folder, "keybroker.service");
  // The program is installed elsewhere on every machine: what is judged is the unit.
  writeFileSync(file, unit.replace("/usr/bin/keybroker", process.execPath));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!available(systemdAnalyze))("the systemd unit", () => {
  test("has no word that systemd does not know", async () => {
    const { status, stdout, stderr } = await run(["systemd-analyze", "verify", "--man=no", file], { env });
    expect({ status, said: `${stdout.toString()}${stderr}` }).toEqual({ status: 0, said: "" });
  });

  test("with a word that it does not know is told: the check can fail", async () => {
    const wrong = join(folder, "wrong.service");
    writeFileSync(wrong, unit.replace("ProtectClock=yes", "ProtectClocks=yes"));
    const { stderr } = await run(["systemd-analyze", "verify", "--man=no", wrong], { env });
    expect(stderr).toContain("ProtectClocks");
  });

  test("is as tight as SECURITY.md says", async () => {
    const told = /exposure level of ([\d.]+)/.exec(readFileSync(join(root, "SECURITY.md"), "utf8"))?.[1];
    expect(told).toBeDefined();
    const limit = String(Math.round(Number(told) * 10));
    const judge = ["systemd-analyze", "security", "--offline=true", `--threshold=${limit}`, file];
    const { status, stdout } = await run(judge, { env });
    const level = /exposure level for \S+: ([\d.]+)/.exec(stdout.toString())?.[1];
    expect(Number(level)).toBeLessThanOrEqual(Number(told));
    expect(status).toBe(0);
  });
});

test("the unit has every protection that is promised", () => {
  for (const setting of [
    "DynamicUser=yes",
    "NoNewPrivileges=yes",
    "LimitCORE=0",
    "CoredumpFilter=0x0",
    "MemorySwapMax=0",
    "ProtectSystem=strict",
    "ProtectProc=invisible",
    "PrivateTmp=yes",
    "SystemCallFilter=@system-service",
    "CapabilityBoundingSet=",
    "StateDirectoryMode=0700",
    "UMask=0077",
  ]) {
    expect(unit.split("\n"), setting).toContain(setting);
  }
});
