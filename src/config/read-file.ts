// Reads the configuration file as text, with one clear error for everything that is no configuration file.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { accessFault } from "../secret/index.ts";
import { fileWords } from "./pem.ts";

const maxBytes = 1_048_576;

/** What came of reading: the text, or why there is none. */
export type FileText =
  | {
      readonly text: string;
      readonly fault?: undefined;
      /** Who but its owner may change the file. */ readonly access: string | undefined;
    }
  | { readonly text?: undefined; readonly fault: string };

/** Reads a file of at most 1 MiB of UTF-8 without a byte order mark. */
export async function readConfigurationFile(file: string): Promise<FileText> {
  try {
    // Not to wait for a writer, should the name be a pipe's.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (stat.isDirectory()) return { fault: "this is a folder: name the file in it" };
      const bytes = Buffer.alloc(maxBytes + 1);
      const length = await fill(handle, bytes);
      return decoded(bytes.subarray(0, length), accessFault(stat, "decides"));
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { fault: `this file ${fileWords(error)}` };
  }
}

async function fill(handle: Awaited<ReturnType<typeof open>>, bytes: Buffer): Promise<number> {
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
    length += bytesRead;
    if (bytesRead === 0 || length === bytes.length) return length;
  }
}

const notText: FileText = { fault: "this file is not text in UTF-8" };

function decoded(bytes: Buffer, access: string | undefined): FileText {
  if (bytes.length > maxBytes) return { fault: "this file has more than 1 MiB: it is no configuration" };
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return { fault: "this file begins with a byte order mark: save it as UTF-8 without one" };
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    // UTF-16 without a byte order mark is UTF-8 too, with a NUL beside every letter.
    return text.includes("\0") ? notText : { text, access };
  } catch {
    return notText;
  }
}
