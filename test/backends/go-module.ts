// Our Go programs: code generated from the published proto, then built into the cache.

import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { available, cacheFolder, root } from "./available.ts";
import { go, protocGenGo, protocGenGoGrpc } from "./go-plugins.ts";

const module = join(root, "test/go");
const sources = ["proto/keybroker/**/*.proto", "test/go/{load,client}/*.go", "test/go/go.*", "test/go/*.yaml"];

function run(command: string, args: readonly string[], cwd: string, path = ""): void {
  const { status, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, GOFLAGS: "", PATH: [path, process.env["PATH"]].filter(Boolean).join(delimiter) },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}`);
}

const modifiedMs = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** So that test files that run side by side do not generate over one another: the set-up has built it before. */
function isCurrent(target: string): boolean {
  const newestMs = Math.max(...globSync(sources, { cwd: root }).map((path) => modifiedMs(join(root, path))));
  return modifiedMs(target) > newestMs;
}

/** Generates with the plugins and builds test/go/NAME. Its path, or undefined where Go is missing. */
export function buildGo(name: "client" | "load"): string | undefined {
  const target = join(cacheFolder, "go/own", name);
  if (isCurrent(target)) return target;
  const plugins = [protocGenGo, protocGenGoGrpc].map(available);
  if (!available(go) || plugins.includes(undefined)) return undefined;
  const path = plugins.map((plugin) => dirname(plugin!)).join(delimiter);
  const generate = ["generate", "--template", "test/go/buf.gen.yaml", "--path", "proto/keybroker"];
  mkdirSync(dirname(target), { recursive: true });
  run(join(root, "node_modules/.bin/buf"), generate, root, path);
  run("go", ["build", "-o", target, `./${name}`], module);
  return target;
}
