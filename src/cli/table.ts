// Text for people: facts a line each, and tables without lines.

import { oneLine } from "./failure.ts";

/** `name: value` lines; a fact without a value is left out. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  return pairs
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${oneLine(value)}\n`)
    .join("");
}

/** Columns as wide as their widest cell; the last one ends where its text ends. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(oneLine));
  const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column]!.length)));
  const text = (row: string[]): string => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ");
  return lines.map((row) => `${text(row).trimEnd()}\n`).join("");
}
