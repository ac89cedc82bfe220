// Writes text to the audit file to its last byte, and ends half lines before it writes the next.

import { BrokerError } from "../errors/index.ts";
import type { AuditFile, OpenAuditFile } from "./file.ts";
import { followFile } from "./followed-file.ts";
import type { AuditNotice } from "./open-audit-log.ts";

/** One write at a time: the next begins when the promise of the last has settled. */
export interface AuditWriter {
  /** Resolves when every byte is written. Rejects with AUDIT_UNAVAILABLE; the next write ends the half line first. */
  write(text: string): Promise<void>;
  /** Has the next write look whether the file is still the one at its path. */
  lookAgain(): void;
  close(): Promise<void>;
}

/** Writes are copied into one buffer that is kept; larger ones get their own. */
const keptBytes = 262_144;

/** Opens the file. Throws AUDIT_UNAVAILABLE. */
export async function auditWriter(
  folder: string,
  openFile: OpenAuditFile,
  clock: () => number,
  notice: (notice: AuditNotice) => void,
): Promise<AuditWriter> {
  const followed = await followFile(folder, openFile, clock, () => notice({ event: "reopened", folder }));
  const kept = Buffer.alloc(keptBytes);
  let last: AuditFile | undefined;
  let torn = false;
  let failing = false;

  const writeAll = async (text: string): Promise<void> => {
    const file = await followed.current();
    if (file !== last) torn = file.torn;
    last = file;
    if (text === "") return;
    const bytes = encode(torn ? `\n${text}` : text, kept);
    for (let offset = 0; offset < bytes.length;) {
      const written = await file.write(bytes, offset, bytes.length - offset);
      if (written === 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
      offset += written;
      torn = bytes[offset - 1] !== 0x0a;
    }
  };

  return {
    async write(text) {
      try {
        await writeAll(text);
        if (failing) notice({ event: "recovered", folder });
        failing = false;
      } catch (error) {
        if (!failing) notice({ event: "unavailable", folder, code: codeOf(error) });
        failing = true;
        throw unavailable(error);
      }
    },
    lookAgain: () => followed.lookAgain(),
    close: () => followed.close(),
  };
}

/** The caller learns that nothing can be recorded; the cause is the operator's to know. */
export function unavailable(cause: unknown): BrokerError {
  return new BrokerError("AUDIT_UNAVAILABLE", "the audit log cannot be written, so nothing is answered", { cause });
}

function encode(text: string, kept: Buffer): Buffer {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  return text.length * 3 > kept.length ? Buffer.from(text) : kept.subarray(0, kept.write(text));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
