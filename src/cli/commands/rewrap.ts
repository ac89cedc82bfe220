// keybroker rewrap: envelopes sealed anew under a current branch key, in place or from input to output.

import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import { withClient } from "../connect.ts";
import { connectionFlags, define, Flag, grantFlag, keyFlag, onRun, outputFlag, overwriteFlag } from "../flags.ts";
import type { ConnectionSettings, Outcome } from "../flags.ts";
import { grantOf } from "../grant-file.ts";
import { readEnvelope } from "../input.ts";
import type { Io } from "../io.ts";
import { checkOutput, deliverEnvelope, type OutputSettings } from "../output.ts";
import { usage } from "../failure.ts";
import { rewrapFiles } from "../rewrap-files.ts";
import { binaryFlag } from "./wrap.ts";

/** Settings of rewrap. */
export interface RewrapSettings extends ConnectionSettings, OutputSettings {
  readonly key?: string;
  readonly dryRun?: boolean;
  /** A file. */
  readonly grant?: string;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    keyFlag("the key the envelopes must be of"),
    grantFlag(),
    new Flag("--dry-run", "have the daemon rewrap each file, and write nothing"),
    outputFlag("the envelope (standard input only)"),
    overwriteFlag(),
    binaryFlag(),
    ...connectionFlags(),
  ];
  const command = define("rewrap", "Seal envelopes anew under a current branch key; no key leaves the daemon", flags, [
    "keybroker rewrap /etc/keys/*.kb1",
    "keybroker rewrap --dry-run /srv/backups",
    "find /srv -name '*.kb1' -print0 | xargs -0 keybroker rewrap --key backups/db",
    "keybroker rewrap <old.kb1 >new.kb1",
  ]).argument(
    "[file...]",
    "files, or folders of them, to rewrap in place, each in the form it has; standard input to output when left out",
  );
  return onRun<RewrapSettings>(command, io, outcome, async (settings, files) => {
    if (files.length === 0) return rewrapStream(io, settings);
    if (settings.output !== undefined) throw usage("files are rewrapped in place: --output goes with standard input");
    const wanted = { ...settings, ...(await grantOf(settings.grant)) };
    return withClient(settings, (client) => rewrapFiles(io, client, files, wanted));
  });
}

async function rewrapStream(io: Io, settings: RewrapSettings): Promise<void> {
  checkOutput(io, settings, false);
  const { bytes, text } = await readEnvelope(io, undefined);
  const request = { envelope: bytes, key: settings.key, ...(await grantOf(settings.grant)) };
  const answer = await withClient(settings, (client: Client) => client.rewrap(request));
  if (settings.dryRun) return;
  await deliverEnvelope(io, answer.envelope, { ...settings, binary: settings.binary ?? !text });
}
