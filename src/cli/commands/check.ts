// keybroker check: would this envelope open here, now, for this caller?

import type { Command } from "commander";
import type { CheckOutput } from "../../client/index.ts";
import { reasons } from "../../errors/reason.ts";
import { withClient } from "../connect.ts";
import { connectionFlags, contextFlag, define, Flag, keyFlag, onRun } from "../flags.ts";
import type { ConnectionSettings, Outcome } from "../flags.ts";
import { readEnvelope } from "../input.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { contextOf } from "../pairs.ts";
import { facts, table } from "../table.ts";

interface Settings extends ConnectionSettings {
  readonly key?: string;
  readonly context: readonly string[];
  readonly deep?: boolean;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    keyFlag("the key the envelope must be of"),
    contextFlag(),
    new Flag("--deep", "ask every recipient's provider, past all caches"),
    ...connectionFlags(),
  ];
  const command = define("check", "Prove that an envelope would unwrap; no key leaves the daemon", flags, [
    "keybroker check data.kb1 --key backups/db --context host=db1",
    "keybroker check data.kb1 --deep --json",
  ]).argument("[file]", "the envelope, in either form; standard input when left out");
  return onRun<Settings>(command, io, outcome, async (settings, [file]) => {
    const context = contextOf(settings.context);
    const { bytes: envelope } = await readEnvelope(io, file);
    const { key, deep = false } = settings;
    const answer = await withClient(settings, (client) => client.check({ envelope, context, key, deep }));
    await (settings.json ? emitJson(io, objectOf(answer)) : emit(io, textOf(answer)));
    return statusOf(answer);
  });
}

/** 0 only when it opens; with --deep, by each of its recipients. */
function statusOf({ matches, reason, recipients }: CheckOutput): number {
  if (!matches) return reason === undefined ? 4 : reasons[reason].exit;
  const failing = recipients.find((recipient) => !recipient.matches);
  if (failing) return failing.reason === undefined ? 4 : reasons[failing.reason].exit;
  return 0;
}

function objectOf({ matches, trusted, version, reason, rewrapDue, recipients }: CheckOutput): object {
  return { matches, trusted, version, reason, rewrapDue, recipients: recipients.map(recipientOf) };
}

function recipientOf({ provider, masterKeyId, matches, version, reason }: CheckOutput["recipients"][number]): object {
  return { provider, masterKeyId, matches, version, reason };
}

const word = (fact: boolean): string => (fact ? "yes" : "no");

function textOf(answer: CheckOutput): string {
  const rows = answer.recipients.map(({ provider, masterKeyId, matches, version, reason }) => [
    provider || "(none)",
    masterKeyId,
    word(matches),
    version,
    reason ?? "",
  ]);
  const text = facts([
    ["matches", word(answer.matches)],
    ["trusted", word(answer.trusted)],
    ["version", answer.version],
    ["reason", answer.reason ?? ""],
    ["rewrap due", word(answer.rewrapDue)],
  ]);
  return rows.length === 0 ? text : text + table(["PROVIDER", "MASTER KEY", "MATCHES", "VERSION", "REASON"], rows);
}
