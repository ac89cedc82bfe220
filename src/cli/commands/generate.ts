// keybroker generate: a new data key on standard output, its envelope in a file.

import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { wipe } from "../../secret/index.ts";
import { toText } from "../../envelope/index.ts";
import type { GenerateDataKeyOutput } from "../../client/index.ts";
import { withClient } from "../connect.ts";
import { base64url, hex, joined, type Format } from "../encoding.ts";
import { usage } from "../failure.ts";
import {
  connectionFlags,
  contextFlag,
  define,
  Flag,
  keyFlag,
  onRun,
  outputFlag,
  overwriteFlag,
  required,
  terminalFlag,
  type ConnectionSettings,
  type Outcome,
} from "../flags.ts";
import type { Io } from "../io.ts";
import {
  checkOutput,
  deliverEnvelope,
  deliverSecret,
  emitJson,
  writeEnvelope,
  type OutputSettings,
} from "../output.ts";
import { checkTarget } from "../output-file.ts";
import { contextOf } from "../pairs.ts";
import { formatFlag, newlineFlag } from "./get.ts";
import { binaryFlag } from "./wrap.ts";

interface Settings extends ConnectionSettings, OutputSettings {
  readonly key?: string;
  readonly context: readonly string[];
  readonly length: number;
  readonly outEnvelope?: string;
  readonly withoutPlaintext?: boolean;
  readonly format: Format;
  readonly newline: "auto" | "never";
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    keyFlag("the key to wrap under"),
    contextFlag(),
    new Flag("--length <bytes>", "bytes of the data key, 16 to 64").argParser(lengthOf).default(32),
    new Flag("--out-envelope <file>", "write the envelope there"),
    new Flag("--without-plaintext", "make the envelope alone, on standard output: no data key leaves the daemon"),
    formatFlag("how the data key is written"),
    newlineFlag(),
    outputFlag("the data key (with --without-plaintext: the envelope)"),
    overwriteFlag(),
    binaryFlag(),
    terminalFlag(),
    ...connectionFlags(),
  ];
  const command = define("generate", "Make a new data key and its envelope", flags, [
    "keybroker generate --key backups/db --out-envelope restic.kb1 >/dev/null",
    "keybroker generate --key backups/db --format raw --out-envelope data.kb1 | age …",
    "keybroker generate --key backups/db --without-plaintext --output tomorrow.kb1",
  ]);
  return onRun<Settings>(command, io, outcome, async (settings) => {
    check(io, settings);
    const { length, withoutPlaintext = false } = settings;
    const key = required(settings.key, "--key", "KEYBROKER_KEY_NAME");
    const context = contextOf(settings.context);
    const answer = await withClient(settings, (client) =>
      client.generateDataKey({ key, context, length, withoutPlaintext }),
    );
    await (withoutPlaintext ? deliverEnvelope(io, answer.envelope, settings) : deliverBoth(io, answer, settings));
  });
}

function check(io: Io, settings: Settings): void {
  const { outEnvelope, withoutPlaintext, json, output } = settings;
  if (withoutPlaintext && outEnvelope !== undefined)
    throw usage("with --without-plaintext the envelope goes to --output");
  if (!withoutPlaintext && outEnvelope === undefined && !(json && output === undefined))
    throw usage("--out-envelope is needed: without its envelope the data key cannot be had again");
  if (outEnvelope !== undefined) checkTarget(outEnvelope, settings.overwrite ?? false);
  checkOutput(io, settings, !withoutPlaintext);
}

/** The envelope is on disk before the data key is handed out: nobody can use a key that is lost already. */
async function deliverBoth(io: Io, answer: GenerateDataKeyOutput, settings: Settings): Promise<void> {
  const { outEnvelope, json, output } = settings;
  const encoded = encode(answer.plaintext, settings);
  wipe(answer.plaintext);
  try {
    if (outEnvelope !== undefined) writeEnvelope(outEnvelope, answer.envelope, settings);
    if (json && output === undefined) {
      const head = { envelope: toText(answer.envelope), ...(outEnvelope === undefined ? {} : { outEnvelope }) };
      const start = `${JSON.stringify(head).slice(0, -1)},"plaintext":"`;
      await deliverSecret(io, joined(Buffer.from(start), encoded, Buffer.from('"}\n')), settings);
    } else await deliverSecret(io, joined(encoded), settings);
    if (json && output !== undefined) await emitJson(io, { outEnvelope, output });
  } finally {
    wipe(encoded);
  }
}

/** Raw bytes are written as they are here: what asks for a data key of its own can take them. */
function encode(plaintext: Uint8Array, { format, newline, json, output }: Settings): Buffer {
  if (json && output === undefined) return base64url(plaintext);
  if (format === "raw") return joined(plaintext);
  const text = format === "hex" ? hex(plaintext) : base64url(plaintext);
  const whole = joined(text, Buffer.from(newline === "never" ? "" : "\n"));
  wipe(text);
  return whole;
}

function lengthOf(text: string): number {
  const length = Number(text);
  if (/^[0-9]{1,3}$/.test(text) && length >= 16 && length <= 64) return length;
  throw new InvalidArgumentError("write a number of bytes from 16 to 64");
}
