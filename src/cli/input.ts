// Reads what a command is given: a file or standard input, into memory of its own.

import { open, type FileHandle } from "node:fs/promises";
import { fromText } from "../envelope/index.ts";
import { allocate, copy, wipe } from "../secret/index.ts";
import { CliError, usage } from "./failure.ts";
import type { Io } from "./io.ts";

/** An envelope of eight recipients with the longest fields, as text, is under 1 MiB. */
const maxEnvelopeBytes = 1024 * 1024;
const maxDataKeyBytes = 65_536;

/** An envelope as it was read. */
export interface EnvelopeInput {
  readonly bytes: Buffer;
  /** It stood there as text. */
  readonly text: boolean;
}

/** Reads a data key, byte for byte. The caller wipes it. */
export async function readDataKey(io: Io, file: string | undefined): Promise<Buffer> {
  const bytes = await readAll(io, file, maxDataKeyBytes, "a data key has at most 65,536 bytes");
  if (bytes.length === 0) throw usage(`${nameOf(file)} is empty: a data key has 1 to 65,536 bytes`);
  return bytes;
}

/** Reads an envelope in either form; white space around a text form is cut off. */
export async function readEnvelope(io: Io, file: string | undefined): Promise<EnvelopeInput> {
  const bytes = await readAll(io, file, maxEnvelopeBytes, "this is no keybroker envelope: it is over 1 MiB");
  return envelopeOf(bytes, nameOf(file));
}

/** An envelope from a file's bytes. */
function envelopeOf(bytes: Buffer, name: string): EnvelopeInput {
  if (bytes.subarray(0, 3).toString("latin1") === "KBE") return { bytes, text: false };
  const text = bytes.toString("latin1").trim();
  if (!text.startsWith("kb1."))
    throw new CliError(4, `${name} is no keybroker envelope: it starts with neither "kb1." nor "KBE"`);
  return { bytes: fromText(text), text: true };
}

/** How messages call an input. */
function nameOf(file: string | undefined): string {
  return file === undefined || file === "-" ? "standard input" : file;
}

async function readAll(io: Io, file: string | undefined, maxBytes: number, tooLong: string): Promise<Buffer> {
  const target = allocate(maxBytes + 1);
  try {
    const length =
      file === undefined || file === "-" ? await readStdin(io, file, target) : await readFile(file, target);
    if (length > maxBytes) throw usage(`${nameOf(file)}: ${tooLong}`);
    return copy(target.subarray(0, length));
  } finally {
    wipe(target);
  }
}

async function readStdin(io: Io, file: string | undefined, target: Buffer): Promise<number> {
  if (io.stdin.isTTY && file === undefined)
    throw usage("nothing to read: name a file, redirect standard input, or give - to read the terminal");
  let length = 0;
  for await (const chunk of io.stdin as AsyncIterable<Buffer>) {
    const room = target.length - length;
    target.set(chunk.subarray(0, room), length);
    length += Math.min(chunk.length, room);
    wipe(chunk);
    if (length === target.length) break;
  }
  return length;
}

async function readFile(file: string, target: Buffer): Promise<number> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    return await fill(handle, target);
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    await handle?.close();
  }
}

/** A file that was named and cannot be read: exit status 2. */
export function unreadable(file: string, error: unknown): CliError {
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : (code ?? "unknown error");
  return new CliError(2, `${file} cannot be read: ${why}`, error);
}

/** Reads to the end or until the buffer is full: a pipe gives its bytes in pieces. */
async function fill(handle: FileHandle, target: Buffer): Promise<number> {
  let length = 0;
  while (length < target.length) {
    const { bytesRead } = await handle.read(target, length, target.length - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}
