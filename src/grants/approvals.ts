// Whose signatures count: approvers of the configuration, each once, and never whoever asked for the grant.

import { readApproverKeys, type ApproverConfiguration } from "../config/index.ts";
import type { Document } from "./document.ts";

/** Finds who approved. */
export interface Approvers {
  /** Names of the approvers whose keys signed, in alphabetical order, the requester and the receiver left out. */
  of(document: Document): readonly string[];
  /** Who has a key, by its fingerprint. */
  ofKey(fingerprint: string): string | undefined;
}

/** Reads the approvers' keys. Throws PemError when a file cannot be used. */
export function readApprovers(approvers: ReadonlyMap<string, ApproverConfiguration>): Approvers {
  const owners = new Map<string, ApproverConfiguration>();
  for (const approver of approvers.values()) {
    for (const { fingerprint } of readApproverKeys(approver.sshKey)) owners.set(fingerprint, approver);
  }
  return {
    of({ statement, signers }) {
      const found = signers.map(({ fingerprint }) => owners.get(fingerprint)).filter((owner) => owner !== undefined);
      const others = found.filter((owner) => !isParty(owner, [statement.requester, statement.identity]));
      return [...new Set(others.map(({ name }) => name))].sort();
    },
    ofKey: (fingerprint) => owners.get(fingerprint)?.name,
  };
}

/** Whether an approver is one of these, or acts as one of them. */
function isParty({ name, identities }: ApproverConfiguration, parties: readonly string[]): boolean {
  return parties.some((party) => party === name || identities.includes(party));
}
