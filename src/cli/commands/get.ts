// keybroker get: a data key as one line, for programs that ask a command for a password.

import type { Command } from "commander";
import { wipe } from "../../secret/index.ts";
import { withClient } from "../connect.ts";
import { formats, line, type Format } from "../encoding.ts";
import { usage } from "../failure.ts";
import {
  connectionFlags,
  contextFlag,
  define,
  Flag,
  grantFlag,
  keyFlag,
  onRun,
  terminalFlag,
  type ConnectionSettings,
  type Outcome,
} from "../flags.ts";
import { grantOf } from "../grant-file.ts";
import { readEnvelope } from "../input.ts";
import type { Io } from "../io.ts";
import { checkOutput, deliverSecret, type OutputSettings } from "../output.ts";
import { contextOf } from "../pairs.ts";

/** Which key an envelope may be of. */
export interface KeySettings {
  readonly key?: string;
  readonly anyKey?: boolean;
}

interface Settings extends ConnectionSettings, OutputSettings, KeySettings {
  readonly context: readonly string[];
  readonly grant?: string;
  readonly format: Format;
  readonly newline: "auto" | "never";
}

export const formatFlag = (description: string): Flag =>
  new Flag("--format <format>", description).choices([...formats]).default("base64url");
export const newlineFlag = (): Flag =>
  new Flag("--newline <when>", "auto: a line end after hex and base64url, raw as it is; never: no line end")
    .choices(["auto", "never"])
    .default("auto");
export const anyKeyFlag = (): Flag => new Flag("--any-key", "take an envelope of any key this caller may unwrap");

/** The key an envelope must be of; undefined only where the user said that any may do. */
export function wantedKey({ key, anyKey }: KeySettings): string | undefined {
  if (key === undefined && !anyKey)
    throw usage(
      "--key is needed (or KEYBROKER_KEY_NAME): without it, whoever swaps the file chooses the key; --any-key allows that",
    );
  if (key !== undefined && anyKey) throw usage("give --key or --any-key, not both");
  return key;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    keyFlag("the key the envelope must be of"),
    anyKeyFlag(),
    contextFlag(),
    grantFlag(),
    formatFlag("how the data key is written; raw: it is a line of text itself"),
    newlineFlag(),
    terminalFlag(),
    ...connectionFlags(),
  ];
  const command = define("get", "Print a data key as one line, for password commands", flags, [
    "RESTIC_PASSWORD_COMMAND='keybroker get /etc/restic.kb1 --key backups/db' restic backup /srv",
    "BORG_PASSCOMMAND='keybroker get /etc/borg.kb1 --key backups/db' borg create …",
    "keybroker get luks.kb1 --key disks --newline never | cryptsetup open --key-file - …",
  ]).argument("<file>", "the envelope, in either form; - for standard input");
  return onRun<Settings>(command, io, outcome, async (settings, [file]) => {
    const key = wantedKey(settings);
    const context = contextOf(settings.context);
    checkOutput(io, settings, true);
    const { bytes: envelope } = await readEnvelope(io, file);
    const request = { envelope, context, key, ...(await grantOf(settings.grant)) };
    const { plaintext } = await withClient(settings, (client) => client.unwrap(request));
    try {
      await deliverSecret(io, line(plaintext, settings.format, settings.newline), settings);
    } finally {
      wipe(plaintext);
    }
  });
}
