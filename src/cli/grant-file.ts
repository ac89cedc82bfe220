// Reads a grant's document: plain text, not secret.

import { readFile } from "node:fs/promises";
import { usage } from "./failure.ts";
import { unreadable } from "./input.ts";
import type { Io } from "./io.ts";

const maxDocumentBytes = 65_536;

/** What `--grant` adds to a call: nothing where it was not given. */
export async function grantOf(file: string | undefined): Promise<{ grant?: string }> {
  return file === undefined ? {} : { grant: await readGrantFile(file) };
}

/** The document in a file. */
export async function readGrantFile(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "latin1");
  } catch (error) {
    throw unreadable(file, error);
  }
  if (text.length > maxDocumentBytes) throw usage(`${file} is no grant: it is over 64 KiB`);
  // A non-ASCII byte would travel as something else: what is no grant is for the daemon to say of the text as it stands.
  return text;
}

/** The document in a file, or on standard input. */
export async function readGrant(io: Io, file: string | undefined): Promise<string> {
  if (file !== undefined && file !== "-") return readGrantFile(file);
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}
