// Reads an approver's public keys.

import { publicKeysOf, SshFormatError, type SshPublicKey } from "../ssh/index.ts";
import { PemError, withContent } from "./pem.ts";

/** The keys of a file, at least one. Throws PemError: also where others may change the file, for it decides who approves. */
export function readApproverKeys(file: string): SshPublicKey[] {
  return withContent(file, (bytes) => {
    try {
      return publicKeysOf(bytes.toString("latin1"));
    } catch (error) {
      if (error instanceof SshFormatError) throw new PemError(`${file} cannot be used: ${error.message}`);
      throw error;
    }
  });
}
