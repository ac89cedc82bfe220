// The checks that are no test suite: generated code, build, lint, types. Each counts as one test.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Tally } from "./tally.ts";

const root = join(import.meta.dirname, "..");

const checks: readonly (readonly [name: string, command: string])[] = [
  ["generated code is current", "node scripts/check-generated.ts"],
  ["build", "node scripts/build.ts"],
  ["types", "tsc -p tsconfig.json"],
  ["eslint", "eslint ."],
  ["prettier", "prettier --check --log-level warn ."],
  ["buf lint", "buf lint"],
  ["buf breaking", "buf breaking --against proto/baseline.binpb"],
  ["knip", "knip --no-progress"],
];

function runCheck(name: string, command: string): boolean {
  const [program, ...args] = command.split(" ");
  const startedMs = Date.now();
  const { status, error } = spawnSync(program!, args, { cwd: root, stdio: "inherit" });
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  if (error) console.error(error.message);
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)${status === 0 ? "" : `: ${command}`}`);
  return status === 0;
}

/** Runs all of them, whatever fails. `built` says whether there is a program to start. */
export function runChecks(): { tally: Tally; built: boolean } {
  const results = checks.map(([name, command]) => ({ name, ok: runCheck(name, command) }));
  const passed = results.filter((result) => result.ok).length;
  const built = results.some((result) => result.name === "build" && result.ok);
  return { tally: { passed, failed: results.length - passed, skipped: 0 }, built };
}
