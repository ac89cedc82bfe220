// Our Go programs: code generated from the published proto, then built into the cache.

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { available, cacheFolder, root } from "./available.ts";
import { go, protocGenGo, protocGenGoGrpc } from "./go-plugins.ts";

const module = join(root, "test/go");

function run(command: string, args: readonly string[], cwd: string, path = ""): void {
  const { status, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, GOFLAGS: "", PATH: [path, process.env["PATH"]].filter(Boolean).join(delimiter) },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}`);
}

/** Generates with the plugins and builds test/go/NAME. Its path, or undefined where Go is missing. */
export function buildGo(name: "client" | "load"): string | undefined {
  const plugins = [protocGenGo, protocGenGoGrpc].map(available);
  if (!available(go) || plugins.includes(undefined)) return undefined;
  const path = plugins.map((plugin) => dirname(plugin!)).join(delimiter);
  const target = join(cacheFolder, "go/own", name);
  mkdirSync(dirname(target), { recursive: true });
  run(
    join(root, "node_modules/.bin/buf"),
    ["generate", "--template", "test/go/buf.gen.yaml", "--path", "proto/keybroker"],
    root,
    path,
  );
  run("go", ["build", "-o", target, `./${name}`], module);
  return target;
}
