// keybroker keys list: the keys this caller may see.

import type { Command } from "commander";
import type { KeyListing } from "../../client/index.ts";
import { withClient } from "../connect.ts";
import { connectionFlags, define, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { table } from "../table.ts";

export function build(io: Io, outcome: Outcome): Command {
  const keys = define("keys", "Keys of the daemon's configuration", [], []);
  const list = define("list", "List the keys this caller may see; needs a listener with admin", connectionFlags(), [
    "keybroker keys list",
    "keybroker keys list --json",
  ]);
  onRun<ConnectionSettings>(list, io, outcome, async (settings) => {
    const listed = await withClient(settings, (client) => client.listKeys());
    await (settings.json ? emitJson(io, { keys: listed.map(objectOf) }) : emit(io, textOf(listed)));
  });
  return keys.addCommand(list);
}

function objectOf(key: KeyListing): object {
  const { name, formerNames, threshold, branchKeyCreatedAt, branchKeyWraps, wrapsVerified } = key;
  const recipients = key.recipients.map(({ provider, providerKind, masterKeyId, unwrapOnly }) => ({
    provider,
    providerKind,
    masterKeyId,
    unwrapOnly,
  }));
  return { name, formerNames, recipients, threshold, branchKeyCreatedAt, branchKeyWraps, wrapsVerified };
}

function textOf(keys: readonly KeyListing[]): string {
  const rows = keys.map((key) => [
    key.name,
    key.recipients.map(({ provider, unwrapOnly }) => (unwrapOnly ? `${provider} (unwrap only)` : provider)).join(", "),
    key.branchKeyCreatedAt?.toISOString() ?? "none yet",
    String(key.branchKeyWraps),
    key.wrapsVerified ? "yes" : "no",
    key.formerNames.join(", "),
  ]);
  return table(["NAME", "RECIPIENTS", "BRANCH KEY SINCE", "WRAPS", "VERIFIED", "FORMER NAMES"], rows);
}
