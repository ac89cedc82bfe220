// Who else may read or change a file that the daemon relies on.

import type { Stats } from "node:fs";

/** What a file is: a secret, which others may not read either, or what decides, which they may not change. */
export type FileUse = "secret" | "decides";

const groupAndOthersWrite = 0o022;
const othersAtAll = 0o007;

/**
 * What is wrong with a file's owner or mode, to stand behind its name and with the remedy; undefined when all is well.
 * It belongs to root or to this process's user, none else may write it, and a secret may at most be read by a group,
 * as Kubernetes' fsGroup and systemd's credentials have it. Lists beyond the mode (ACLs) are not looked at.
 */
export function accessFault(
  facts: Pick<Stats, "uid" | "mode">,
  use: FileUse,
  user = process.geteuid?.(),
): string | undefined {
  if (user === undefined) return undefined;
  const { uid, mode } = facts;
  if (uid !== 0 && uid !== user) return `belongs to user ${uid}: give it to root or to the daemon's user`;
  if (mode & groupAndOthersWrite) return "may be changed by other users: chmod go-w it";
  if (use === "secret" && mode & othersAtAll) return "may be read by every user of this machine: chmod o-rwx it";
  return undefined;
}
