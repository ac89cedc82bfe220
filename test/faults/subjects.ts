// The subjects: one for each kind that comes with the daemon.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { firstPartyKinds } from "../../src/provider/registry.ts";
import { subject as remote } from "./remote/subject.ts";
import type { FaultSubject } from "./subject.ts";

/** Loads them all, or those whose kinds KEYBROKER_FAULTS lists with commas. Throws when a kind has none. */
export async function loadSubjects(): Promise<readonly FaultSubject[]> {
  const chosen = process.env["KEYBROKER_FAULTS"]?.split(",");
  const kinds = firstPartyKinds.filter((kind) => chosen?.includes(kind) ?? true);
  const subjects = await Promise.all(kinds.map(load));
  return chosen && !chosen.includes(remote.kind) ? subjects : [...subjects, remote];
}

/** The subject of one kind. */
export async function load(kind: string): Promise<FaultSubject> {
  const file = join(import.meta.dirname, `${kind}.ts`);
  if (!existsSync(file)) throw new Error(`provider kind ${kind} has no test/faults/${kind}.ts`);
  return ((await import(file)) as { subject: FaultSubject }).subject;
}
