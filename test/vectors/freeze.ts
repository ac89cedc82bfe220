// Adds vectors and changes none: each file's SHA-256 is in frozen.sha256, and the list only grows.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Where vectors lie, and the list of them: lines as sha256sum writes them, oldest first. */
export interface Frozen {
  readonly folder: string;
  readonly list: string;
}

/** The frozen files by their paths under the folder, each with its SHA-256 in hex. */
export function readFrozen({ list }: Pick<Frozen, "list">): Map<string, string> {
  const lines = readFileSync(list, "utf8").split("\n").slice(0, -1);
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** SHA-256 in hex. */
export const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The vectors that lie in a folder, by their paths under it. */
export function vectorsIn(folder: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return paths.filter((path) => path.endsWith(".json")).sort();
}

/**
 * Writes the files that are not frozen yet, freezes them, and answers their paths. Throws, and writes nothing, when one
 * that is frozen would become another, is not made any more, or lies there changed.
 */
export function addVectors({ folder, list }: Frozen, made: ReadonlyMap<string, string>): string[] {
  const frozen = readFrozen({ list });
  const faults = [...frozen].flatMap(([path, hash]) => faultOf(path, hash, made.get(path), folder));
  const stray = vectorsIn(folder).filter((path) => !frozen.has(path));
  faults.push(...stray.map((path) => `${path} lies there and is not frozen`));
  if (faults.length > 0) throw new Error(`format 1 is frozen, and vectors are only added:\n${faults.join("\n")}`);
  const added = [...made].filter(([path]) => !frozen.has(path));
  for (const [path, text] of added) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { flag: "wx" });
  }
  const lines = added.map(([path, text]) => `${sha256(text)}  ${path}\n`);
  writeFileSync(list, lines.join(""), { flag: "a" });
  return added.map(([path]) => path);
}

function faultOf(path: string, hash: string, text: string | undefined, folder: string): string[] {
  if (text === undefined) return [`${path} is not made any more`];
  if (sha256(text) !== hash) return [`${path} would change`];
  if (!vectorsIn(folder).includes(path)) return [`${path} is missing`];
  return sha256(readFileSync(join(folder, path))) === hash ? [] : [`${path} was changed`];
}
