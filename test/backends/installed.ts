// A folder in which keybroker and a provider from npm are installed side by side, as npm would, without asking npm.

import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { root } from "./available.ts";
import { program } from "./daemon.ts";

/** The program of the keybroker that `installKeybroker` put there. */
export const installedProgram = (app: string): string => join(app, "node_modules/keybroker/dist/src/main.js");

/**
 * Puts a copy of the built package into APP/node_modules, and links to what it depends on. A link to the package itself
 * would not do: Node looks for a provider beside the place that the link points at.
 */
export function installKeybroker(app: string): void {
  const modules = join(app, "node_modules");
  const target = join(modules, "keybroker");
  mkdirSync(target, { recursive: true });
  cpSync(join(root, "package.json"), join(target, "package.json"));
  cpSync(resolve(dirname(program), ".."), join(target, "dist"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
}

/** Puts a module's files into APP/node_modules/NAME. */
export function installModule(app: string, name: string, files: ReadonlyMap<string, string>): string {
  const folder = join(app, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
  return folder;
}
