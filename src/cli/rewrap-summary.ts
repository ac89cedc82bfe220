// What a rewrap of many files came to: how many, under which master keys now, and which ones the rest needs.

import { decode, kindName, type Envelope } from "../envelope/index.ts";
import { oneLine, type Failure } from "./failure.ts";
import type { Io } from "./io.ts";
import { emitJson } from "./output.ts";

/** What became of a file. */
export interface Rewrapped {
  readonly file: string;
  /** Why it was not rewrapped. */
  readonly failure?: Failure;
  /** The master keys that it is under now; for one that was left, those that it needs. */
  readonly masterKeys?: string | undefined;
}

/** The master keys that stand in an envelope's public header; undefined where it cannot be read. */
export function masterKeysOf(envelope: Uint8Array | undefined): string | undefined {
  if (envelope === undefined) return undefined;
  try {
    const { recipients, threshold } = decode(envelope);
    return masterKeysText(recipients, threshold);
  } catch {
    return undefined;
  }
}

/** Recipients as `kind id`; for several, how many it takes. */
export function masterKeysText(recipients: Envelope["recipients"], threshold: number): string {
  const names = recipients.map(({ kind, masterKeyId }) => `${kindName(kind)} ${masterKeyId}`);
  return names.length === 1 ? names[0]! : `${threshold} of ${names.join(", ")}`;
}

/** Writes it: lines to standard error, or one object. */
export async function summary(
  io: Io,
  { files, others }: { readonly files: number; readonly others: number },
  done: readonly Rewrapped[],
  settings: { readonly dryRun?: boolean; readonly json?: boolean },
): Promise<void> {
  const failed = done.filter(({ failure }) => failure).length;
  const counts = { rewrapped: done.length - failed, failed, notTried: files - done.length, noEnvelopes: others };
  if (settings.json) return emitJson(io, { dryRun: settings.dryRun ?? false, ...counts, files: done });
  const [verb, under] = settings.dryRun ? ["would be rewrapped", "would be under"] : ["rewrapped", "now under"];
  const rest = counts.notTried > 0 ? `, ${counts.notTried} not tried` : "";
  const passed = others > 0 ? `, ${others} no envelopes` : "";
  io.stderr.write(`${counts.rewrapped} ${verb}, ${failed} failed${rest}${passed}\n`);
  for (const line of countLines(under, done, false)) io.stderr.write(line);
  for (const line of countLines("left, and need", done, true)) io.stderr.write(line);
}

/** A line for each set of master keys, with how many files have it. */
function countLines(words: string, done: readonly Rewrapped[], failed: boolean): string[] {
  const counts = new Map<string, number>();
  for (const { failure, masterKeys } of done) {
    if (masterKeys === undefined || (failure !== undefined) !== failed) continue;
    counts.set(masterKeys, (counts.get(masterKeys) ?? 0) + 1);
  }
  return [...counts].map(([masterKeys, count]) => `  ${count} ${words} ${oneLine(masterKeys)}\n`);
}
