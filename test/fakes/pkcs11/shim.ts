// Builds the library that stands before SoftHSM, and tells it how to fail.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { available, cacheFolder, debianProgram, root } from "../../backends/available.ts";

/** The compiler; `npm install` needs one for pkcs11js too. */
export const compiler = debianProgram("gcc", "gcc");

/** What it can be told: as the fault subject's names would have it, in one word each. */
export type ShimFault =
  "hang" | "slow" | "crash" | "reset" | "busy" | "broken" | "expired" | "forbidden" | "flip" | "short" | "another";

/** A call that reached the library. */
export interface ShimCall {
  readonly pid: number;
  readonly name: string;
  readonly failed: boolean;
  readonly fault: string;
  /** The provider's own proof, and nobody's branch key. */
  readonly isKnown: boolean;
}

/** The library in use. */
export interface Shim {
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
  say(fault: ShimFault | undefined): void;
  calls(): readonly ShimCall[];
}

/** Compiles it once, and makes a folder of its own within `folder`. Throws when it does not compile. */
export function makeShim(library: string, folder: string): Shim {
  const own = join(folder, "shim");
  mkdirSync(own);
  const [control, log] = [join(own, "control"), join(own, "log")];
  return {
    path: build(),
    environment: { SHIM_LIBRARY: library, SHIM_FOLDER: own },
    say: (fault) => (fault === undefined ? rmSync(control, { force: true }) : writeFileSync(control, fault)),
    calls: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").map(callOf) : []),
  };
}

function callOf(line: string): ShimCall {
  const [pid, name, answer, fault, known] = line.split(" ");
  return { pid: Number(pid), name: name!, failed: answer !== "0", fault: fault!, isKnown: known === "known" };
}

function build(): string {
  const source = join(import.meta.dirname, "shim.c");
  const digest = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const path = join(cacheFolder, "pkcs11", `shim-${digest}.so`);
  if (existsSync(path)) return path;
  mkdirSync(join(cacheFolder, "pkcs11"), { recursive: true });
  // Several test files may build it at once: the last one to finish wins.
  const draft = `${path}.${process.pid}`;
  const include = join(root, "node_modules/pkcs11js/includes");
  const args = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-I", include, "-o", draft, source, "-ldl"];
  const { status, stderr } = spawnSync(available(compiler)!, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the PKCS#11 shim does not compile:\n${stderr}`);
  renameSync(draft, path);
  return path;
}
