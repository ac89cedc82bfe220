// Checkpoints: a log's size and root at one time, signed (https://c2sp.org/tlog-checkpoint).

import type { NoteSigner, NoteVerifier } from "./note.ts";
import { openNote, signNote } from "./note.ts";

/** What a checkpoint says. */
export interface Checkpoint {
  /** Which log: `keybroker.audit/<realm>/<log id>`. */
  readonly origin: string;
  /** How many records it has. */
  readonly size: number;
  /** The root over them, 32 bytes. */
  readonly root: Uint8Array;
  /** When it was made. */
  readonly time: Date;
}

/** The origin of a realm's log. */
export function originOf(realm: string, log: string): string {
  return `keybroker.audit/${realm}/${log}`;
}

/** A signed checkpoint, as text that ends with a newline. The time is an extension line. */
export function signCheckpoint({ origin, size, root, time }: Checkpoint, signer: NoteSigner): string {
  const text = `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\ntime ${time.toISOString()}\n`;
  return signNote(text, signer);
}

/** A checkpoint that one of the verifiers signed; undefined when none did or it says something else. */
export function openCheckpoint(note: string, verifiers: readonly NoteVerifier[]): Checkpoint | undefined {
  const [origin, size, root, time] = openNote(note, verifiers)?.split("\n") ?? [];
  if (!origin || !/^(0|[1-9][0-9]{0,15})$/.test(size ?? "") || !/^[A-Za-z0-9+/]{43}=$/.test(root ?? ""))
    return undefined;
  const made = /^time (\S+)$/.exec(time ?? "")?.[1];
  return { origin, size: Number(size), root: Buffer.from(root!, "base64"), time: new Date(made ?? Number.NaN) };
}
