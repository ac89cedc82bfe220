// A folder of commands in which `npx keybroker` is this build, as it is for whoever installed the package.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "./daemon.ts";

/** Makes FOLDER/bin with npx, keybroker and node; put it first on PATH. */
export function commandFolder(folder: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const script = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script("keybroker", `exec "${process.execPath}" "${program}" "$@"`);
  script("npx", `test "$1" = keybroker || exit 127\nshift\nexec "${process.execPath}" "${program}" "$@"`);
  symlinkSync(process.execPath, join(bin, "node"));
  return bin;
}
