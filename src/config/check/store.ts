// What needs the store, where there is none.

import type { Parts } from "../build.ts";
import type { Faults } from "./faults.ts";

/** Checks keys and rules against a configuration without a store. */
export function checkStore({ keys, rules, shell }: Parts, faults: Faults): void {
  if (shell === undefined || shell.store !== undefined) return;
  for (const { name, onStoreLoss } of keys.values()) {
    if (onStoreLoss === "allow") continue;
    const message = "there is no store that could be lost: configure one, or leave onStoreLoss out";
    faults.errors.push({ path: ["keys", name, "onStoreLoss"], message });
  }
  const [first] = [...rules].find(([, { quota }]) => quota.length > 0) ?? [];
  if (first === undefined) return;
  const message = "without a store, quotas begin anew with each start, and each process counts for itself";
  faults.warnings.push({ path: ["policy", first, "quota"], message });
}
