// Programs of Python packages, at fixed versions, each in a virtual environment of its own in the cache.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder, debianProgram, onPath } from "./available.ts";
import type { Program } from "./available.ts";

const python = debianProgram("python3");
const venv = debianProgram("python3-venv");

/**
 * A command of a PyPI package at a fixed version (`moto[server]` with its extra). Its environment lives in
 * `.cache/python/<package>-<version>`, and is believed in only when its installation came to an end.
 */
export function pythonProgram(command: string, distribution: string, version: string): Program {
  const folder = join(cacheFolder, "python", `${distribution.replace(/\[.*\]$/, "")}-${version}`);
  const path = join(folder, "bin", command);
  // Written last, so that an installation that was cut short is not taken for a whole one.
  const stamp = join(folder, "installed");
  const pip = `'${folder}/bin/pip' install --quiet --disable-pip-version-check --no-input`;
  const script = `python3 -m venv --clear '${folder}' && ${pip} '${distribution}==${version}' && touch '${stamp}'`;
  return {
    name: command,
    hint: `apt-get install python3-venv, then: ${script}`,
    find: () => (existsSync(stamp) && isExecutable(path) ? path : undefined),
    install() {
      mkdirSync(dirname(folder), { recursive: true });
      if (hasVenv()) runAlone(`${folder}.lock`, `test -f '${stamp}' || { ${script}; }`);
    },
  };
}

/** Debian keeps pip's seed out of its python3 package: without python3-venv no environment can be made. */
function hasVenv(): boolean {
  if (!onPath("python3")) python.install();
  if (!canMakeVenv()) venv.install();
  return canMakeVenv();
}

function canMakeVenv(): boolean {
  return spawnSync("python3", ["-c", "import ensurepip, venv"], { stdio: "ignore" }).status === 0;
}

/** Test files run side by side and may miss the same program: one installs it, the others wait for that one. */
function runAlone(lock: string, script: string): void {
  const flock = onPath("flock");
  const shell = ["sh", "-c", script];
  const [command, ...args] = flock ? [flock, lock, ...shell] : shell;
  const { status, stderr } = spawnSync(command!, args, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) console.error(`${script} failed:\n${stderr}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
