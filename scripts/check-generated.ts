// Fails when src/proto is not what the generator makes of proto/ today.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

function files(folder: string): Map<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  return new Map(paths.sort().map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

function run(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${error?.message ?? `status ${status}`}`);
}

function stale(fresh: Map<string, string>, committed: Map<string, string>): string[] {
  const paths = new Set([...fresh.keys(), ...committed.keys()]);
  return [...paths].filter((path) => fresh.get(path) !== committed.get(path));
}

const folder = mkdtempSync(join(tmpdir(), "keybroker-generated-"));
try {
  run("buf", ["generate", "--output", folder]);
  const fresh = join(folder, "src/proto");
  const differing = stale(files(fresh), files(join(root, "src/proto")));
  if (differing.length > 0) throw new Error(`not current: ${differing.join(", ")}: npm run generate`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
