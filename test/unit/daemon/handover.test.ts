import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const child = join(import.meta.dirname, "handover-child.ts");

interface Seen {
  readonly received: Record<string, string>;
  readonly wiped: boolean;
  readonly unlinked: boolean;
  readonly mode: number;
  readonly input: string;
  readonly environ: string;
  readonly marker: string | null;
}

function handOver(variables: Record<string, string>): Seen {
  const env = { PATH: process.env["PATH"], ...variables };
  return JSON.parse(execFileSync(process.execPath, [child, "first"], { env, encoding: "utf8" })) as Seen;
}

const hex = (text: string) => Buffer.from(text).toString("hex");

describe.runIf(process.platform === "linux")("variables handed over execve", () => {
  const secrets = { SECRET_ONE: "c4n4ry=with=signs", SECRET_TWO: "ünï\nlines" };

  test("arrive as bytes, from an unlinked file of ours alone, and are wiped", () => {
    const seen = handOver(secrets);
    expect(seen.received).toEqual({ SECRET_ONE: hex(secrets.SECRET_ONE), SECRET_TWO: hex(secrets.SECRET_TWO) });
    expect(seen).toMatchObject({ wiped: true, unlinked: true, mode: 0o600, input: "/dev/null", marker: null });
  });

  test("are not in /proc/PID/environ", () => {
    expect(handOver(secrets).environ).not.toContain("c4n4ry");
  });

  test("may be none", () => {
    expect(handOver({})).toMatchObject({ received: {}, marker: null });
  });

  test("are not read from a standard input that somebody else made", () => {
    const env = { PATH: process.env["PATH"], KEYBROKER_HANDOVER: "1:1" };
    const { stdout } = spawnSync(process.execPath, [child, "second"], {
      env,
      input: "SECRET_ONE=x\0",
      encoding: "utf8",
    });
    expect((JSON.parse(stdout) as Seen).received).toEqual({});
  });
});
