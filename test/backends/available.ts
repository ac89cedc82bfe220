// Finds a program that tests need, installs it where that is allowed, and otherwise says how to get it.

import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The repository. */
export const root = join(import.meta.dirname, "../..");

/** What tests download and build: kept between runs, outside version control. */
export const cacheFolder = join(root, ".cache");

/** A program that tests start. */
export interface Program {
  readonly name: string;
  /** Its path; undefined when it is not there. */
  find(): string | undefined;
  /** Tries to bring it here; need not succeed. */
  install(): void;
  /** How a person gets it. */
  readonly hint: string;
}

/** The path of a command on PATH, or undefined. */
export function onPath(command: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

/** Whether a file is there and can be run. */
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A program of a Debian package. Installed by apt where we are root; never by asking for a password. */
export function debianProgram(command: string, debianPackage = command): Program {
  return {
    name: command,
    hint: `apt-get install ${debianPackage}`,
    find: () => onPath(command),
    install() {
      if (process.getuid?.() !== 0 || !onPath("apt-get")) return;
      const lock = ["-o", "DPkg::Lock::Timeout=300"];
      run("apt-get", ["update", "-q", ...lock]);
      run("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...lock, debianPackage]);
    },
  };
}

/** A program built from a Go module at a fixed version into the cache. */
export function goProgram(command: string, module: string, version: string): Program {
  const folder = join(cacheFolder, "go", `${command}-${version}`);
  const path = join(folder, command);
  return {
    name: command,
    hint: `install Go, then: GOBIN=${folder} go install ${module}@${version}`,
    find: () => (isExecutable(path) ? path : undefined),
    install() {
      mkdirSync(folder, { recursive: true });
      if (onPath("go")) run("go", ["install", `${module}@${version}`], { GOBIN: folder, GOFLAGS: "" });
    },
  };
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): void {
  const { status, stderr, stdout } = spawnSync(command, args, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status !== 0) console.error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`);
}

/**
 * The program's path. Where it is missing and cannot be installed: undefined, with a loud line, so that a laptop
 * can skip the tests that need it; an error where CI=true, so that nothing is skipped in silence.
 */
export function available(program: Program): string | undefined {
  const found = program.find();
  if (found) return found;
  program.install();
  const installed = program.find();
  if (installed) return installed;
  const message = `${program.name} is missing, so its tests cannot run. To get it: ${program.hint}`;
  if (process.env["CI"] === "true") throw new Error(message);
  process.stderr.write(`\n!!! SKIPPED: ${message}\n\n`);
  return undefined;
}
