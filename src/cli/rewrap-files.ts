// Rewraps many files in place: each is replaced whole or stays, one that fails does not stop the others.

import { statSync } from "node:fs";
import type { Client } from "../client/index.ts";
import { decode } from "../envelope/index.ts";
import { usage, failureOf, report, type Failure } from "./failure.ts";
import { readEnvelope } from "./input.ts";
import type { Io } from "./io.ts";
import { emitJson, envelopeBytes } from "./output.ts";
import { writeWhole } from "./output-file.ts";
import { progress } from "./progress.ts";

/** Enough to fill the daemon's frames, few enough to hold in memory. */
const filesAtOnce = 32;

/** What is asked of each file. */
export interface FilesSettings {
  readonly key?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** A file and why it was not rewrapped, if it was not. */
interface Rewrapped {
  readonly file: string;
  readonly failure?: Failure;
}

/**
 * Rewraps files. An unreachable daemon ends the work: what was not tried is counted as such. Answers the exit status:
 * 0, the one that all failures share, or 1.
 */
export async function rewrapFiles(io: Io, client: Client, files: string[], settings: FilesSettings): Promise<number> {
  if (files.includes("-")) throw usage("standard input cannot be rewrapped in place: leave the files out");
  const names = [...new Set(files)];
  const waiting = names.values();
  const done: Rewrapped[] = [];
  const bar = progress(io, names.length, settings.json !== true);
  let unreachable: unknown;
  const worker = async (): Promise<void> => {
    for (const file of waiting) {
      if (unreachable !== undefined) return;
      const failure = await attempt(io, client, file, settings);
      if (failure?.exit === 6) unreachable = failure;
      done.push(failure ? { file, failure } : { file });
      if (failure && !settings.json) bar.interrupt(() => report(named(file, failure), io, false));
      bar.step();
    }
  };
  await Promise.all(Array.from({ length: Math.min(filesAtOnce, names.length) }, worker));
  bar.end();
  await summary(io, names, done, settings);
  return statusOf(done);
}

/** Some messages begin with the file already. */
function named(file: string, failure: Failure): Failure {
  return failure.message.startsWith(file) ? failure : { ...failure, message: `${file}: ${failure.message}` };
}

async function attempt(io: Io, client: Client, file: string, settings: FilesSettings): Promise<Failure | undefined> {
  try {
    await rewrapFile(io, client, file, settings);
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

async function rewrapFile(io: Io, client: Client, file: string, { key, dryRun }: FilesSettings): Promise<void> {
  const { bytes, text } = await readEnvelope(io, file);
  const { envelope } = await client.rewrap({ envelope: bytes, key });
  // The only copy of a data key is about to be replaced: by an envelope, or not at all.
  decode(envelope);
  const { mode, uid, gid } = statSync(file);
  if (!dryRun)
    writeWhole(file, envelopeBytes(envelope, { binary: !text }), {
      mode: mode & 0o7777,
      owner: { uid, gid },
      overwrite: true,
    });
}

async function summary(io: Io, names: string[], done: Rewrapped[], settings: FilesSettings): Promise<void> {
  const failed = done.filter(({ failure }) => failure).length;
  const counts = { rewrapped: done.length - failed, failed, notTried: names.length - done.length };
  if (settings.json) return emitJson(io, { dryRun: settings.dryRun ?? false, ...counts, files: done });
  const verb = settings.dryRun ? "would be rewrapped" : "rewrapped";
  const rest = counts.notTried > 0 ? `, ${counts.notTried} not tried` : "";
  io.stderr.write(`${counts.rewrapped} ${verb}, ${failed} failed${rest}\n`);
}

function statusOf(done: readonly Rewrapped[]): number {
  const exits = new Set(done.flatMap(({ failure }) => (failure ? [failure.exit] : [])));
  if (exits.has(6)) return 6;
  return exits.size > 1 ? 1 : ([...exits][0] ?? 0);
}
