// Which files are meant: each that is named, and in a folder each that begins as an envelope does.

import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { unreadable } from "./input.ts";

/** What operands stand for. */
export interface EnvelopeFiles {
  /** Each once. Those that are named stand here whatever they are. */
  readonly files: readonly string[];
  /** Files in folders that are no envelopes. */
  readonly others: number;
}

/**
 * Looks into folders, at any depth. Links within them are not followed. Throws CliError 2, before anything is changed,
 * when a folder, or the beginning of a file in it, cannot be read.
 */
export async function envelopeFiles(operands: readonly string[]): Promise<EnvelopeFiles> {
  const files = new Set<string>();
  let others = 0;
  for (const operand of operands) {
    if (!(await isFolder(operand))) {
      files.add(operand);
      continue;
    }
    for (const file of await filesIn(operand)) {
      if (await isEnvelope(file)) files.add(file);
      else others++;
    }
  }
  return { files: [...files], others };
}

async function isFolder(operand: string): Promise<boolean> {
  return await stat(operand).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    throw unreadable((error as NodeJS.ErrnoException).path ?? folder, error);
  }
}

async function isEnvelope(file: string): Promise<boolean> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
      const start = buffer.toString("latin1", 0, bytesRead);
      return start.startsWith("KBE") || start.trimStart().startsWith("kb1.");
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(file, error);
  }
}
