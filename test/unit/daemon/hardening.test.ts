import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { forbidCores, limitCores, refuseOpeners, refuseOpenings, requireNode } from "../../../src/daemon/hardening.ts";
import { secretVariables } from "../../../src/daemon/relaunch.ts";

describe("what would show memory", () => {
  test.each([
    "--inspect",
    "--inspect-brk=0.0.0.0:9229",
    "--inspect_wait",
    "--heapsnapshot-signal=SIGUSR2",
    "--heapsnapshot-near-heap-limit=1",
    "--report-on-signal",
    "--report-uncaught-exception",
    "--report-on-fatalerror",
    "--heap-prof",
    "--cpu-prof-dir=/tmp",
    "--prof",
    "--tls-keylog=/tmp/keys",
    "--trace-tls",
    "--debug-port=9229",
    "--experimental-network-inspection",
    "--experimental-config-file=node.config.json",
    "--abort-on-uncaught-exception",
  ])("%s keeps the daemon from serving, as a flag and in NODE_OPTIONS", (flag) => {
    const name = flag.split("=")[0]!.replaceAll("_", "-");
    expect(() => refuseOpeners(["--enable-source-maps", flag], undefined)).toThrow(name);
    expect(() => refuseOpeners([], `--max-old-space-size=64 "${flag}"`)).toThrow(name);
  });

  test("other flags do not", () => {
    const flags = ["--max-semi-space-size=2", "--enable-source-maps", "--disable-sigusr1"];
    expect(() => refuseOpeners(flags, flags.join("  "))).not.toThrow();
    expect(() => refuseOpeners([], undefined)).not.toThrow();
    expect(() => refuseOpeners([], "--title=--inspect --no-inspect --profile-x")).not.toThrow();
  });

  test.each(['"--insp\\ect"', '--in"spect=1"', '--title="a b" --inspect', "\t--inspect", '"--title=\\"" "--inspect"'])(
    "NODE_OPTIONS are read as Node reads them: %s",
    (options) => {
      expect(() => refuseOpeners([], options)).toThrow("--inspect");
    },
  );

  test("an open inspector, or reports, keep the daemon from serving however they were turned on", () => {
    const report = { reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false };
    expect(() => refuseOpenings({ inspectorUrl: undefined, report })).not.toThrow();
    expect(() => refuseOpenings({ inspectorUrl: undefined, report: undefined })).not.toThrow();
    expect(() => refuseOpenings({ inspectorUrl: "ws://127.0.0.1:9229/", report })).toThrow("an open inspector");
    for (const name of Object.keys(report)) {
      const on = { ...report, [name]: true };
      expect(() => refuseOpenings({ inspectorUrl: undefined, report: on })).toThrow("diagnostic reports");
    }
  });

  test("the message names the flag and not what follows it", () => {
    expect(() => refuseOpeners(["--inspect=canary"], undefined)).toThrow(/^(?!.*canary).*--inspect\b/);
  });
});

test.each([
  ["20.19.0", false],
  ["22.14.0", false],
  ["24.0.0", true],
  ["25.1.0", false],
  ["26.10.0", true],
  ["27.0.0", true],
])("Node %s serves: %s", (version, serves) => {
  const check = () => requireNode(version);
  if (serves) expect(check).not.toThrow();
  else expect(check).toThrow(`this is ${version}`);
});

describe("cores", () => {
  test("are told to hold nothing, where the system lets us", () => {
    const folder = mkdtempSync(join(tmpdir(), "kb-"));
    const file = join(folder, "coredump_filter");
    writeFileSync(file, "00000033\n");
    expect(forbidCores(file)).toBe(true);
    expect(readFileSync(file, "utf8")).toMatch(/^0x0/);
    expect(forbidCores(join(folder, "none"))).toBe(false);
    rmSync(folder, { recursive: true });
  });

  test("are limited to no bytes for the process that follows, unless they are", () => {
    const limits = (core: string) => `Limit   Soft Limit  Hard Limit  Units\nMax core file size   ${core}   bytes\n`;
    const command = ["/usr/bin/node", "main.js", "serve"];
    expect(limitCores(command, limits("0    0   "))).toEqual(command);
    for (const core of ["unlimited  unlimited", "0    unlimited", ""]) {
      const limited = limitCores(command, limits(core));
      const script = 'ulimit -H -c; ulimit -S -c; echo "$@"';
      const words = [...limited.slice(0, -command.length), "/bin/sh", "-c", script, "sh", "a b"];
      const { stdout } = spawnSync(words[0]!, words.slice(1), { encoding: "utf8" });
      expect(stdout).toBe("0\n0\na b\n");
    }
  });
});

describe("the variables that leave the environment", () => {
  test("are those the configuration refers to, and the embedded default's", () => {
    const folder = mkdtempSync(join(tmpdir(), "kb-"));
    const file = join(folder, "kb.yaml");
    writeFileSync(file, 'a: "${KEY_ONE}"\nb: ${key_2}\nc: $NOT_THIS ${not-this}\n');
    const wanted = ["KEYBROKER_MASTER_KEY", "KEY_ONE", "key_2"];
    expect(secretVariables(["serve", "--config", file], {})).toEqual(wanted);
    expect(secretVariables(["serve", `--config=${file}`], {})).toEqual(wanted);
    expect(secretVariables(["serve"], { KEYBROKER_CONFIG: file })).toEqual(wanted);
    expect(secretVariables(["serve", "--config", join(folder, "none")], {})).toEqual(["KEYBROKER_MASTER_KEY"]);
    rmSync(folder, { recursive: true });
  });
});
