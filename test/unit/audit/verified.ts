// Verifies the audit logs of a folder with the key that lies beside them, as tests do after they did something to one.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeVerifier } from "../../../src/audit/note.ts";
import { verifyAudit } from "../../../src/audit/verify.ts";

/** The uncompressed parts in a folder, by name. */
export function parts(folder: string): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  return files.sort().map((name) => join(folder, name));
}

/** What the verifier says of a folder. */
export function verified(folder: string, kept: readonly string[] = []) {
  const verifier = decodeVerifier(readFileSync(join(folder, "checkpoint-key.pem.pub"), "utf8"))!;
  return verifyAudit({ paths: [folder], verifiers: [verifier], kept });
}
