// What is wrong with a configuration, and where.

import { report } from "./report.ts";

/** Where something stands: the names of maps and the indexes of lists from the top. */
export type Path = readonly (string | number)[];

/** Something found in the configuration, not yet with its line. */
export interface Finding {
  readonly path: Path;
  /** It is about the name of this place, not about what stands there. */
  readonly atName?: boolean;
  readonly message: string;
  readonly expected?: string;
  /** The valid name closest to what was written. */
  readonly nearest?: string;
}

/** A finding with its place in the file. It holds nothing of a secret. */
export interface Problem {
  /** The file's name as it was given; undefined for a text without a file. */
  readonly file: string | undefined;
  /** From 1; 0 when the problem is the file's as a whole. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count; 0 when the problem is the file's as a whole. */
  readonly column: number;
  /** Such as `keys.backups/db.wrapTo[0].provider`; empty for the whole. */
  readonly path: string;
  /** What is wrong and, where it is not plain, what to do. */
  readonly message: string;
  /** What should stand there. */
  readonly expected?: string;
  readonly nearest?: string;
}

/** A configuration that cannot be used, with all that is wrong with it. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  /** In the file's order; at least one. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(report(problems));
    this.problems = problems;
  }
}

/** A path as people write it. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}
