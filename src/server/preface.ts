// The first bytes of a connection: HTTP/2's preface and first frame within a deadline, or the connection ends.

import type { Socket } from "node:net";
import { allocate } from "../secret/index.ts";

/** What every HTTP/2 client says first, with a SETTINGS frame behind it (RFC 9113, section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

const frameHeaderBytes = 9;
const settingsType = 4;

/** 32 settings of 6 bytes: nghttp2 takes no more either. */
const maxSettingsBytes = 192;

/**
 * Calls `done(true)` once the socket has sent the preface and its SETTINGS whole, with the bytes put back for the next
 * reader. A socket that says nothing, too little in time, or something else is destroyed, and `done(false)` called: it
 * costs no HTTP/2 session. One that its client closes before is not spoken of.
 */
export function awaitPreface(socket: Socket, timeoutMs: number, done: (ready: boolean) => void): void {
  const parts: Buffer[] = [];
  const timer = setTimeout(() => refuse(), timeoutMs);
  const stop = () => {
    clearTimeout(timer);
    socket.removeListener("readable", onReadable);
    socket.removeListener("close", stop);
  };
  const refuse = () => {
    stop();
    socket.destroy();
    done(false);
  };
  const onReadable = () => {
    for (let part: Buffer | null; (part = socket.read() as Buffer | null) !== null;) parts.push(part);
    const seen = join(parts);
    const lacking = lackingBytes(seen);
    if (lacking === undefined) return refuse();
    if (lacking > 0) return;
    stop();
    socket.unshift(seen);
    done(true);
  };
  socket.on("readable", onReadable);
  socket.on("close", stop);
}

/** How many bytes are still to come at least; undefined where this is not how HTTP/2 begins. */
function lackingBytes(seen: Buffer): number | undefined {
  const compared = Math.min(seen.length, preface.length);
  if (seen.compare(preface, 0, compared, 0, compared) !== 0) return undefined;
  const headerEnd = preface.length + frameHeaderBytes;
  if (seen.length < headerEnd) return headerEnd - seen.length;
  const payloadBytes = seen.readUIntBE(preface.length, 3);
  if (seen[preface.length + 3] !== settingsType || payloadBytes > maxSettingsBytes) return undefined;
  return Math.max(0, headerEnd + payloadBytes - seen.length);
}

/** One buffer of all: bytes behind the preface may be a caller's secret, so never a slice of Node's pool. */
function join(parts: readonly Buffer[]): Buffer {
  if (parts.length === 1) return parts[0]!;
  const joined = allocate(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) offset += part.copy(joined, offset);
  return joined;
}
