// Checks of approvers: that their keys can be read, and that no key is two persons'.

import { readApproverKeys } from "../approver-keys.ts";
import type { Parts } from "../build.ts";
import { PemError } from "../pem.ts";
import type { Path } from "../problem.ts";
import type { Faults } from "./faults.ts";

/** All checks of approvers' files. */
export function checkApprovers({ approvers }: Parts, faults: Faults): void {
  const owners = new Map<string, string>();
  for (const { name, sshKey } of approvers.values()) {
    const path: Path = ["approvers", name, "sshKey"];
    for (const fingerprint of fingerprintsOf(sshKey, path, faults)) {
      const owner = owners.get(fingerprint) ?? name;
      owners.set(fingerprint, owner);
      if (owner === name) continue;
      faults.errors.push({ path, message: `${fingerprint} is ${owner}'s key too: one person would count twice` });
    }
  }
}

function fingerprintsOf(file: string, path: Path, { errors }: Faults): readonly string[] {
  try {
    return readApproverKeys(file).map(({ fingerprint }) => fingerprint);
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    errors.push({ path, message: error.message });
    return [];
  }
}
