// keybroker keys: the keys this caller may see, and the versions of their master keys.

import type { Command } from "commander";
import type { KeyListing, KeyRecipient } from "../../client/index.ts";
import { withClient } from "../connect.ts";
import { connectionFlags, define, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { facts, table } from "../table.ts";
import { rotateCommand, setVersionCommand, versionsCommand } from "./master-keys.ts";

export function build(io: Io, outcome: Outcome): Command {
  const keys = define("keys", "Keys of the daemon's configuration, and their master keys", [], []);
  const list = define("list", "List the keys this caller may see; needs a listener with admin", connectionFlags(), [
    "keybroker keys list",
    "keybroker keys list --json",
  ]);
  onRun<ConnectionSettings>(list, io, outcome, async (settings) => {
    const listed = await withClient(settings, (client) => client.listKeys());
    await (settings.json ? emitJson(io, { keys: listed.map(objectOf) }) : emit(io, textOf(listed)));
  });
  return keys
    .addCommand(list)
    .addCommand(versionsCommand(io, outcome))
    .addCommand(rotateCommand(io, outcome))
    .addCommand(setVersionCommand(io, outcome));
}

function objectOf(key: KeyListing): object {
  const { name, formerNames, threshold, branchKeyCreatedAt, branchKeyWraps, wrapsVerified } = key;
  const recipients = key.recipients.map(
    ({ provider, providerKind, masterKeyId, unwrapOnly, protectionLevel, authenticated }) => ({
      provider,
      providerKind,
      masterKeyId,
      unwrapOnly,
      protectionLevel,
      authenticated,
    }),
  );
  const branch = { branchKeyCreatedAt, branchKeyWraps, branchKeyRecipients: key.branchKeyRecipients };
  return { name, formerNames, recipients, threshold, ...branch, missingRecipients: missingOf(key), wrapsVerified };
}

/** How many recipients of new envelopes the branch key that seals now could not be wrapped for. */
function missingOf({ recipients, branchKeyCreatedAt, branchKeyRecipients }: KeyListing): number {
  if (branchKeyCreatedAt === undefined || branchKeyRecipients === 0) return 0;
  return Math.max(0, recipients.filter(({ unwrapOnly }) => !unwrapOnly).length - branchKeyRecipients);
}

const head = ["NAME", "RECIPIENTS", "BRANCH KEY SINCE", "WRAPS", "VERIFIED", "FORMER NAMES"];

function textOf(keys: readonly KeyListing[]): string {
  const rows = keys.map((key) => [
    key.name,
    key.recipients.map(recipientText).join(", "),
    key.branchKeyCreatedAt?.toISOString() ?? "none yet",
    String(key.branchKeyWraps),
    key.wrapsVerified ? "yes" : "no",
    key.formerNames.join(", "),
  ]);
  return table(head, rows) + facts(keys.flatMap(warningsOf).map((warning) => ["warning", warning] as const));
}

/** Such as `hsm-fra (hsm)` or `hsm-fra (hsm, wraps unauthenticated, unwrap only)`. */
function recipientText({ provider, protectionLevel, authenticated, unwrapOnly }: KeyRecipient): string {
  const marks = [
    protectionLevel,
    authenticated === false ? "wraps unauthenticated" : "",
    unwrapOnly ? "unwrap only" : "",
  ].filter((mark) => mark !== "");
  return marks.length === 0 ? provider : `${provider} (${marks.join(", ")})`;
}

function warningsOf(key: KeyListing): string[] {
  const missing = missingOf(key);
  const unproven = key.recipients.filter(({ authenticated }) => authenticated === false);
  return [
    ...(missing === 0
      ? []
      : [
          `${key.name}: the branch key in use lacks ${missing} of the recipients that the configuration lists: ` +
            "see keybroker status, and rewrap what was wrapped meanwhile",
        ]),
    ...unproven.map(
      ({ provider }) =>
        `${key.name}: anybody who has the public key of ${provider} can make envelopes that open (RSA-OAEP)`,
    ),
  ];
}
