// NAME=VALUE pairs, as flags repeat them and variables list them.

import { usage } from "./failure.ts";

const contextName = /^[a-z0-9][a-z0-9._/-]{0,63}$/;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The pairs of a variable: separated by commas; `\,` is a comma within a value and `\\` a backslash. */
export function splitPairs(text: string): string[] {
  const pairs: string[] = [];
  let pair = "";
  for (const [piece] of text.matchAll(/\\.|,|[^\\,]+|\\$/gsu)) {
    if (piece === ",") {
      pairs.push(pair);
      pair = "";
    } else pair += piece.startsWith("\\") ? unescaped(piece) : piece;
  }
  return [...pairs, pair];
}

function unescaped(piece: string): string {
  if (piece === "\\," || piece === "\\\\") return piece.slice(1);
  throw usage(`"${piece}": in a list write \\\\ for a backslash and \\, for a comma`);
}

/** A context from `--context` flags. A name that comes twice is refused: only one of the two would count. */
export function contextOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    uniquePairs("--context", pairs, (name, value) => {
      if (!contextName.test(name))
        throw usage(`--context "${name}": a name has 1 to 64 of a-z 0-9 . _ / - and starts with a letter or digit`);
      // Node puts U+FFFD where an argument's bytes are not UTF-8.
      if (!value.isWellFormed() || value.includes("\uFFFD")) throw usage(`--context ${name}: the value is not UTF-8`);
    }),
  );
}

/** The variables of `exec --env NAME=FILE`. */
export function environmentOf(pairs: readonly string[]): Map<string, string> {
  return new Map(
    uniquePairs("--env", pairs, (name, file) => {
      if (!variableName.test(name)) throw usage(`--env "${name}": a variable's name has letters, digits and _ alone`);
      if (file === "") throw usage(`--env ${name}: a file must follow the =`);
    }),
  );
}

/** Pairs whose names are all different; `check` may refuse a name or a value. */
export function uniquePairs(
  flag: string,
  pairs: readonly string[],
  check: (name: string, value: string) => void,
): [string, string][] {
  const seen = new Set<string>();
  return pairs.map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw usage(`${flag} "${pair}": write NAME=VALUE`);
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (seen.has(name)) throw usage(`${flag} ${name} is given twice`);
    seen.add(name);
    check(name, value);
    return [name, value];
  });
}
