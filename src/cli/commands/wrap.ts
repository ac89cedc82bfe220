// keybroker wrap: a data key in, an envelope out.

import type { Command } from "commander";
import { wipe } from "../../secret/index.ts";
import { withClient } from "../connect.ts";
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
  type ConnectionSettings,
  type Outcome,
} from "../flags.ts";
import { readDataKey } from "../input.ts";
import type { Io } from "../io.ts";
import { checkOutput, deliverEnvelope, type OutputSettings } from "../output.ts";
import { contextOf } from "../pairs.ts";

interface Settings extends ConnectionSettings, OutputSettings {
  readonly key?: string;
  readonly context: readonly string[];
}

/** The envelope's form when it is written. */
export const binaryFlag = (): Flag =>
  new Flag("--binary", "write the envelope's binary form instead of a line of text");

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    keyFlag("the key to wrap under"),
    contextFlag(),
    outputFlag("the envelope"),
    overwriteFlag(),
    binaryFlag(),
    ...connectionFlags(),
  ];
  const command = define("wrap", "Wrap a data key into an envelope", flags, [
    "keybroker wrap --key backups/db --context host=db1 <data.key >data.kb1",
    "head -c 32 /dev/urandom | keybroker wrap --key backups/db --output data.kb1",
  ]).argument("[file]", "the data key, taken byte for byte; standard input when left out");
  return onRun<Settings>(command, io, outcome, async (settings, [file]) => {
    const key = required(settings.key, "--key", "KEYBROKER_KEY_NAME");
    const context = contextOf(settings.context);
    checkOutput(io, settings, false);
    const plaintext = await readDataKey(io, file);
    try {
      const { envelope } = await withClient(settings, (client) => client.wrap({ key, context, plaintext }));
      await deliverEnvelope(io, envelope, settings);
    } finally {
      wipe(plaintext);
    }
  });
}
