// Rewraps many files in place: each is replaced whole or stays, one that fails does not stop the others.

import { statSync } from "node:fs";
import type { Client } from "../client/index.ts";
import { decode } from "../envelope/index.ts";
import type { Reason } from "../errors/reason.ts";
import { envelopeFiles } from "./envelope-files.ts";
import { usage, failureOf, report, type Failure } from "./failure.ts";
import { readEnvelope, type EnvelopeInput } from "./input.ts";
import type { Io } from "./io.ts";
import { envelopeBytes } from "./output.ts";
import { writeWhole } from "./output-file.ts";
import { progress } from "./progress.ts";
import { masterKeysOf, masterKeysText, summary, type Rewrapped } from "./rewrap-summary.ts";

/** Enough to fill the daemon's frames, few enough to hold in memory. */
const filesAtOnce = 32;

/** What is asked of each file. */
export interface FilesSettings {
  readonly key?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  /** A grant's document. */
  readonly grant?: string;
}

/**
 * Rewraps files, and in folders all envelopes. An unreachable daemon ends the work: what was not tried is counted as
 * such. Answers the exit status: 0, the one that all failures share, or 1.
 */
export async function rewrapFiles(
  io: Io,
  client: Client,
  operands: string[],
  settings: FilesSettings,
): Promise<number> {
  if (operands.includes("-")) throw usage("standard input cannot be rewrapped in place: leave the files out");
  const { files, others } = await envelopeFiles(operands);
  const waiting = files.values();
  const done: Rewrapped[] = [];
  const bar = progress(io, files.length, settings.json !== true);
  let unreachable = false;
  const worker = async (): Promise<void> => {
    for (const file of waiting) {
      if (unreachable) return;
      const rewrapped = await attempt(io, client, file, settings);
      const { failure } = rewrapped;
      unreachable ||= failure?.exit === 6;
      done.push(rewrapped);
      if (failure && !settings.json) bar.interrupt(() => report(named(file, failure), io, false));
      bar.step();
    }
  };
  await Promise.all(Array.from({ length: Math.min(filesAtOnce, files.length) }, worker));
  bar.end();
  await summary(io, { files: files.length, others }, done, settings);
  return statusOf(done);
}

/** Some messages begin with the file already. */
function named(file: string, failure: Failure): Failure {
  return failure.message.startsWith(file) ? failure : { ...failure, message: `${file}: ${failure.message}` };
}

async function attempt(io: Io, client: Client, file: string, settings: FilesSettings): Promise<Rewrapped> {
  let old: Uint8Array | undefined;
  try {
    const { bytes, text } = await readEnvelope(io, file);
    old = bytes;
    return { file, masterKeys: await rewrapFile(client, file, { bytes, text }, settings) };
  } catch (error) {
    const failure = failureOf(error);
    const { reason } = failure;
    return { file, failure, masterKeys: reason && aboutMasterKeys.has(reason) ? masterKeysOf(old) : undefined };
  }
}

/** Failures that another configuration, or another day, may mend. */
const aboutMasterKeys: ReadonlySet<string> = new Set<Reason>([
  "ENVELOPE_REFUSED",
  "KEY_DISABLED",
  "PROVIDER_UNAVAILABLE",
  "PROVIDER_TIMEOUT",
]);

async function rewrapFile(
  client: Client,
  file: string,
  { bytes, text }: EnvelopeInput,
  { key, dryRun, grant }: FilesSettings,
): Promise<string> {
  const { envelope } = await client.rewrap({ envelope: bytes, key, ...(grant !== undefined && { grant }) });
  // The only copy of a data key is about to be replaced: by an envelope, or not at all.
  const { recipients, threshold } = decode(envelope);
  const { mode, uid, gid } = statSync(file);
  if (!dryRun)
    writeWhole(file, envelopeBytes(envelope, { binary: !text }), {
      mode: mode & 0o7777,
      owner: { uid, gid },
      overwrite: true,
    });
  return masterKeysText(recipients, threshold);
}

function statusOf(done: readonly Rewrapped[]): number {
  const exits = new Set(done.flatMap(({ failure }) => (failure ? [failure.exit] : [])));
  if (exits.has(6)) return 6;
  return exits.size > 1 ? 1 : ([...exits][0] ?? 0);
}
