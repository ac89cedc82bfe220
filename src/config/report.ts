// A configuration's problems as text for people: a line each, `file:line:column: where: what`.

import type { Problem } from "./problem.ts";

/** How to write. */
interface ReportOptions {
  /** Escape sequences for a terminal. */
  readonly colour?: boolean;
  /** Problems written out before the rest is only counted. */
  readonly limit?: number;
}

const plain = { place: "", message: "", end: "" };
const coloured = { place: "\u001b[1m", message: "\u001b[31m", end: "\u001b[0m" };

/** One line per problem, in the order given. */
export function report(problems: readonly Problem[], { colour = false, limit = 50 }: ReportOptions = {}): string {
  const style = colour ? coloured : plain;
  const lines = problems.slice(0, limit).map((problem) => {
    const place = `${style.place}${placeOf(problem)}${style.end}`;
    return `${place} ${style.message}${printable(sentenceOf(problem))}${style.end}`;
  });
  if (problems.length > limit) lines.push(`and ${problems.length - limit} more`);
  return lines.join("\n");
}

function placeOf({ file, line, column }: Problem): string {
  const name = printable(file ?? "configuration");
  return line === 0 ? `${name}:` : `${name}:${line}:${column}:`;
}

function sentenceOf({ path, message, expected, nearest }: Problem): string {
  const start = path === "" ? message : `${path}: ${message}`;
  const middle = expected === undefined ? "" : `; expected ${expected}`;
  return start + middle + (nearest === undefined ? "" : `; did you mean "${nearest}"?`);
}

/** Names come from the file: what could move a terminal's cursor is written out. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}
