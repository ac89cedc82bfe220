// What doctor says of one thing it looked at.

import type { Finding } from "../provider/index.ts";

/** A finding, and for what is bad whose it is to put right. */
export interface Diagnosis extends Finding {
  /** With `bad` alone: the configuration (or this installation), or the backend. */
  readonly fault?: "configuration" | "backend" | undefined;
}

/** All is well. */
export function good(check: string, detail: string): Diagnosis {
  return { check, outcome: "good", detail };
}

/** Told without judging. */
export function note(check: string, detail: string): Diagnosis {
  return { check, outcome: "note", detail };
}

/** Not well, with what to do. */
export function bad(check: string, detail: string, fix: string, fault: "configuration" | "backend"): Diagnosis {
  return { check, outcome: "bad", detail, fix, fault };
}
