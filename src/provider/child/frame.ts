// Frames on the pipe between the daemon and a provider's child: a JSON header and raw byte fields, of bounded size.

import { allocate, wipe } from "../../secret/index.ts";

/** Bytes of a frame after its length, at most. Above it are only mistakes, and a child that went mad. */
export const maxFrameBytes = 1_048_576;

/** Fields of a frame, at most: the secrets of a provider's settings are the most there are. */
export const maxFields = 64;

const lengthBytes = 4;
const headBytes = 5;

/** A decoded frame. Its fields are views that are wiped once the receiver returns: copy what is kept. */
export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly fields: readonly Buffer[];
}

/** The other side does not speak this protocol. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/**
 * A frame's bytes: u32 length of the rest, u32 length of the header, u8 number of fields, u32 length of each, header,
 * fields. In a buffer of its own, which the caller wipes once it is written; it still owns the fields. Throws FrameError
 * when that is over the bounds.
 */
export function encodeFrame(header: object, fields: readonly Uint8Array[] = []): Buffer {
  const text = JSON.stringify(header);
  const textBytes = Buffer.byteLength(text);
  const table = headBytes + lengthBytes * fields.length;
  const length = fields.reduce((sum, field) => sum + field.length, table + textBytes);
  if (length > maxFrameBytes || fields.length > maxFields) throw new FrameError("a frame is too large");
  const frame = allocate(lengthBytes + length);
  frame.writeUInt32BE(length);
  frame.writeUInt32BE(textBytes, lengthBytes);
  frame[2 * lengthBytes] = fields.length;
  fields.forEach((field, index) => frame.writeUInt32BE(field.length, lengthBytes * (1 + index) + headBytes));
  frame.write(text, lengthBytes + table, "utf8");
  let at = lengthBytes + table + textBytes;
  for (const field of fields) {
    frame.set(field, at);
    at += field.length;
  }
  return frame;
}

/** Puts frames together from what a pipe delivers. */
export interface FrameDecoder {
  /** Takes over `chunk` and wipes it. Throws FrameError at the first byte that cannot be right; no push may follow. */
  push(chunk: Buffer): void;
  /** Wipes a frame that is not whole. */
  close(): void;
}

/** Makes a decoder. `receive` runs for each whole frame, in order, and may throw. */
export function createFrameDecoder(receive: (frame: Frame) => void): FrameDecoder {
  const prefix = allocate(lengthBytes);
  let body: Buffer | undefined;
  let filled = 0;

  /** Fills the prefix, or the body, and answers how many bytes that took. */
  function take(chunk: Buffer): number {
    const target = body ?? prefix;
    const taken = chunk.copy(target, filled);
    filled += taken;
    if (filled < target.length) return taken;
    filled = 0;
    if (body) deliver();
    else body = allocate(bodyLength(prefix));
    return taken;
  }

  function deliver(): void {
    const whole = body!;
    body = undefined;
    try {
      receive(parse(whole));
    } finally {
      wipe(whole);
    }
  }

  return {
    push(chunk) {
      try {
        for (let rest = chunk; rest.length > 0;) rest = rest.subarray(take(rest));
      } finally {
        wipe(chunk);
      }
    },
    close: () => wipe(body),
  };
}

function bodyLength(prefix: Buffer): number {
  const length = prefix.readUInt32BE();
  if (length < headBytes || length > maxFrameBytes) throw new FrameError("a frame has an impossible length");
  return length;
}

function parse(body: Buffer): Frame {
  const textBytes = body.readUInt32BE();
  const count = body[lengthBytes]!;
  const start = headBytes + lengthBytes * count;
  if (count > maxFields || start + textBytes > body.length) throw new FrameError("a frame's header is too long for it");
  const fields: Buffer[] = [];
  let at = start + textBytes;
  for (let index = 0; index < count; index++) {
    const end = at + body.readUInt32BE(headBytes + lengthBytes * index);
    fields.push(body.subarray(at, end));
    at = end;
  }
  if (at !== body.length) throw new FrameError("a frame's fields are not as long as it says");
  return { header: parseHeader(body.subarray(start, start + textBytes)), fields };
}

function parseHeader(text: Buffer): Frame["header"] {
  let header: unknown;
  try {
    header = JSON.parse(text.toString("utf8"));
  } catch {
    // The parser's words would quote what it was given.
    throw new FrameError("a frame's header is not JSON");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw new FrameError("a frame's header is no object");
  return header as Frame["header"];
}
