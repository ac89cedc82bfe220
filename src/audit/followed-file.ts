// The audit file at its path, whichever that is by now: one that was removed or moved away is replaced by a new one.

import { BrokerError } from "../errors/index.ts";
import type { AuditFile, OpenAuditFile } from "./file.ts";

/** The file to write to. */
export interface FollowedFile {
  /** Rejects with an error of the file system when the file is gone and no new one can be made. */
  current(): Promise<AuditFile>;
  /** Has the next look come at once. */
  lookAgain(): void;
  close(): Promise<void>;
}

/** How long a file that was removed or moved away may still be written to, in milliseconds. */
const lookEveryMs = 1_000;

/** Opens the file. Throws AUDIT_UNAVAILABLE. `reopened` is called whenever a new one takes its place. */
export async function followFile(
  folder: string,
  openFile: OpenAuditFile,
  clock: () => number,
  reopened: () => void,
): Promise<FollowedFile> {
  let lookedAtMs = clock();
  let file: AuditFile | undefined = await openFile(folder).catch((error: unknown) => {
    const what = error instanceof Error ? error.message : "unknown error";
    throw new BrokerError("AUDIT_UNAVAILABLE", `the audit log cannot be opened: ${what}`, { cause: error });
  });
  const replace = async (): Promise<AuditFile> => {
    await file?.close().catch(() => {});
    file = undefined;
    file = await openFile(folder);
    reopened();
    return file;
  };
  return {
    async current() {
      const now = clock();
      // A clock that was set back must not put the next look off.
      const recent = now >= lookedAtMs && now < lookedAtMs + lookEveryMs;
      if (file !== undefined && (recent || (await file.isCurrent()))) {
        if (!recent) lookedAtMs = now;
        return file;
      }
      const opened = await replace();
      lookedAtMs = now;
      return opened;
    },
    lookAgain: () => (lookedAtMs = -Infinity),
    async close() {
      await file?.close();
      file = undefined;
    },
  };
}
