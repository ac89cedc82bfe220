// Folders of many files, and whether two are the same.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Deterministic bytes that do not compress. */
function content(seed: string, length: number): Buffer {
  return createHash("shake256", { outputLength: Math.max(1, length) })
    .update(seed)
    .digest()
    .subarray(0, length);
}

/** Writes so many files in nested folders, of 0 bytes to 8 KiB, with names that tools get wrong. */
export function writeFiles(folder: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const parent = join(folder, `part ${i % 7}`, i % 3 === 0 ? "déjà vu" : "plain");
    if (i < 21) mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `file ${i}.bin`), content(`file ${i}`, (i * 37) % 8192));
  }
}

/** Every file's path and SHA-256. */
export function digests(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(
    paths.map((path) => [path.slice(folder.length), createHash("sha256").update(readFileSync(path)).digest("hex")]),
  );
}
