// The subjects: one for each kind that comes with the daemon.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { available } from "../backends/available.ts";
import { firstPartyKinds } from "../../src/provider/registry.ts";
import { subject as remote } from "./remote/subject.ts";
import type { FaultSubject } from "./subject.ts";

/** Subjects, and the kinds whose programs are not here. */
export interface Subjects {
  readonly here: readonly FaultSubject[];
  readonly missing: readonly string[];
}

/**
 * Loads them all, or those whose kinds KEYBROKER_FAULTS lists with commas; their programs are installed. Throws when a
 * kind has no subject, and under CI when a program is missing.
 */
export async function loadSubjects(): Promise<Subjects> {
  const chosen = process.env["KEYBROKER_FAULTS"]?.split(",");
  const wanted = await Promise.all(
    [...firstPartyKinds, remote.kind].filter((kind) => chosen?.includes(kind) ?? true).map(load),
  );
  const here = wanted.filter(({ programs = [] }) => programs.every((program) => available(program) !== undefined));
  return { here, missing: wanted.filter((subject) => !here.includes(subject)).map(({ kind }) => kind) };
}

async function load(kind: string): Promise<FaultSubject> {
  if (kind === remote.kind) return remote;
  const file = join(import.meta.dirname, `${kind}.ts`);
  if (!existsSync(file)) throw new Error(`provider kind ${kind} has no test/faults/${kind}.ts`);
  return ((await import(file)) as { subject: FaultSubject }).subject;
}
