// This package's version.

import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";

/** From package.json, wherever this file was compiled to. */
export function packageVersion(): string {
  const file = findPackageJSON(import.meta.url);
  if (file === undefined) return "unknown";
  return String((JSON.parse(readFileSync(file, "utf8")) as { version?: unknown }).version);
}
