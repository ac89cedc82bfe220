// The Node versions that the package is run on: the workspaces of test/runtimes, which are never published.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./available.ts";

/** A workspace of test/runtimes. */
export type RuntimeName = "current" | "oldest" | "oldest-client";

/** The `bin` folder of a runtime: put it first on PATH. */
export function runtimeFolder(name: RuntimeName): string {
  // npm hoists the first of several versions to the top.
  const folders = [join(root, "test/runtimes", name, "node_modules"), join(root, "node_modules")];
  for (const folder of folders.filter((candidate) => existsSync(candidate))) {
    const found = readdirSync(folder).find((entry) => /^node-(linux|bin-darwin)-/.test(entry));
    if (found) return join(folder, found, "bin");
  }
  throw new Error(`no Node for ${name}: npm install`);
}
