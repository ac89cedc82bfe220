// keybroker unwrap: an envelope in, its data key out, byte for byte.

import type { Command } from "commander";
import { wipe } from "../../secret/index.ts";
import { withClient } from "../connect.ts";
import { base64url, joined } from "../encoding.ts";
import {
  connectionFlags,
  contextFlag,
  define,
  grantFlag,
  keyFlag,
  onRun,
  outputFlag,
  overwriteFlag,
  terminalFlag,
  type ConnectionSettings,
  type Outcome,
} from "../flags.ts";
import { grantOf } from "../grant-file.ts";
import { readEnvelope } from "../input.ts";
import { write, type Io } from "../io.ts";
import { checkOutput, deliverSecret, emitJson, type OutputSettings } from "../output.ts";
import { contextOf } from "../pairs.ts";
import type { UnwrapOutput } from "../../client/index.ts";

interface Settings extends ConnectionSettings, OutputSettings {
  readonly key?: string;
  readonly context: readonly string[];
  readonly grant?: string;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    keyFlag("the key the envelope must be of; set it wherever you can"),
    contextFlag(),
    grantFlag(),
    outputFlag("the data key"),
    overwriteFlag(),
    terminalFlag(),
    ...connectionFlags(),
  ];
  const command = define("unwrap", "Unwrap an envelope into its data key", flags, [
    "keybroker unwrap --key backups/db --context host=db1 <data.kb1 | openssl …",
    "keybroker unwrap data.kb1 --key backups/db --output data.key",
    "keybroker unwrap data.kb1 --key backups/db --grant grant.txt --output data.key",
  ]).argument("[file]", "the envelope, in either form; standard input when left out");
  return onRun<Settings>(command, io, outcome, async (settings, [file]) => {
    const context = contextOf(settings.context);
    checkOutput(io, settings, true);
    const { bytes: envelope } = await readEnvelope(io, file);
    const request = { envelope, context, key: settings.key, ...(await grantOf(settings.grant)) };
    const answer = await withClient(settings, (client) => client.unwrap(request));
    if (answer.rewrapDue && !settings.json) await write(io.stderr, `keybroker: ${rewrapAdvice(file)}\n`);
    await deliver(io, answer, settings);
  });
}

async function deliver(io: Io, answer: UnwrapOutput, settings: Settings): Promise<void> {
  const { key, rewrapDue } = answer;
  const plaintext = Buffer.from(answer.plaintext.buffer, answer.plaintext.byteOffset, answer.plaintext.length);
  if (settings.json && settings.output === undefined) return deliverJson(io, plaintext, { key, rewrapDue }, settings);
  await deliverSecret(io, plaintext, settings);
  if (settings.json) await emitJson(io, { output: settings.output, key, rewrapDue });
}

/** The object is put together from bytes: a string of the data key could not be wiped. */
function deliverJson(io: Io, plaintext: Buffer, rest: object, settings: Settings): Promise<void> {
  const text = base64url(plaintext);
  const tail = JSON.stringify(rest).slice(1);
  const whole = joined(Buffer.from('{"plaintext":"'), text, Buffer.from(`",${tail}\n`));
  wipe(text, plaintext);
  return deliverSecret(io, whole, settings);
}

/** What to do with an envelope that opens but is out of date. */
function rewrapAdvice(file: string | undefined): string {
  return `this envelope is due for \`keybroker rewrap${file === undefined || file === "-" ? "" : ` ${file}`}\``;
}
