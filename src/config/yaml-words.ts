// YAML's pitfalls in plain words: tabs, control characters, and texts that YAML 1.1 and 1.2 read differently.

import type { YAMLError } from "yaml";
import type { Finding } from "./problem.ts";

/** A finding at an offset of the text. */
export interface Offset {
  readonly offset: number;
  readonly finding: Finding;
}

/** What is wrong with a text before any YAML is read: at most one finding a line. */
export function textFindings(text: string): Offset[] {
  const found: Offset[] = [];
  let start = 0;
  for (const line of text.split("\n")) {
    const column = firstFault(line);
    if (column !== -1) found.push({ offset: start + column, finding: { path: [], message: faultWords(line, column) } });
    start += line.length + 1;
  }
  return found;
}

/** A tab before any comment, or a control character anywhere. */
function firstFault(line: string): number {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  const control = line.search(/[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\u2028\u2029\ufeff]|\r(?!$)/);
  const tab = line.search(/^[^#]*\t/) === -1 ? -1 : line.indexOf("\t");
  return control === -1 || (tab !== -1 && tab < control) ? tab : control;
}

function faultWords(line: string, column: number): string {
  if (line[column] === "\t") return "a tab: use spaces";
  return `a control character (U+${line.charCodeAt(column).toString(16).toUpperCase().padStart(4, "0")}): remove it`;
}

/** The library's error in words that say what to do. */
export function forYaml(error: YAMLError, text: string): string {
  if (error.code === "TAB_AS_INDENT") return "a tab: use spaces";
  if (error.code === "RESOURCE_EXHAUSTION") return "this is nested too deeply";
  const inReference = text.slice(Math.max(0, error.pos[0] - 64), error.pos[0] + 1).includes("${");
  const hint = inReference ? ' (inside { } or [ ] write a reference in quotes: "${NAME}")' : "";
  return `this is not YAML: ${error.message.split("\n")[0]!.replace(/[.:]$/, "")}${hint}`;
}

const booleans = /^(y|n|yes|no|on|off)$/i;
/** YAML 1.1: octal, base 60, underscores, dates; YAML 1.2 alone: 0o17. */
const numbers = [
  /^[-+]?0[0-7_]+$/,
  /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/,
  /^[-+]?(0[xb])?[0-9][0-9a-fA-F.]*_[0-9a-fA-F_.]*$/,
  /^[-+]?0[ob][0-7]+$/,
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}/,
];

/**
 * Why an unquoted text is refused: other tools that read the same file would see another value. The two sets of rules
 * are https://yaml.org/type/ (1.1) and chapter 10.3 of https://yaml.org/spec/1.2.2/.
 */
export function ambiguity(source: string): string | undefined {
  if (booleans.test(source))
    return `other YAML readers take ${source} for true or false: write true or false, or a text in quotes`;
  if (!numbers.some((form) => form.test(source))) return undefined;
  return `YAML readers differ on what ${source} is: write it in quotes`;
}
