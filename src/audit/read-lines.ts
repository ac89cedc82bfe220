// Reads the lines of a part, plain or compressed, without making strings of them.

import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

/** A line within a buffer that the next line may overwrite. */
export interface Line {
  readonly bytes: Buffer;
  /** Where it begins, at least 1: the byte before it is free to be used. */
  readonly start: number;
  /** Where it ends, without its newline. */
  readonly end: number;
}

/** The longest line, in bytes: records are at most this long. */
const maxLineBytes = 65_536;
const chunkBytes = 1_048_576;

/** Calls `each` for every line. Resolves to the bytes after the last newline. Rejects when a file cannot be read. */
export async function readLines(path: string, each: (line: Line) => void): Promise<Buffer> {
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  const stream = path.endsWith(".gz") ? file.pipe(createGunzip({ chunkSize: chunkBytes })) : file;
  file.on("error", (error) => stream.destroy(error));
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([Buffer.alloc(1), rest, chunk]);
    const end = eachLine(bytes, each);
    rest = bytes.subarray(end);
    if (rest.length > maxLineBytes) throw new Error(`${path} has a line of more than ${maxLineBytes} bytes`);
  }
  return rest;
}

function eachLine(bytes: Buffer, each: (line: Line) => void): number {
  let start = 1;
  for (let end = bytes.indexOf(0x0a, start); end !== -1; end = bytes.indexOf(0x0a, start)) {
    each({ bytes, start, end });
    start = end + 1;
  }
  return start;
}
