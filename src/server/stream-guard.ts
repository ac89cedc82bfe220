// What grpc-js would take and we do not: compressed messages, messages that come in dribbles, and a second credential.

import { constants } from "node:http2";
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { status } from "@grpc/grpc-js";
import type { Server } from "@grpc/grpc-js";

/** Hears of a connection that was ended for what it sent. */
export type Abused = (error?: Error) => void;

/** Frames of DATA that a stream may have before their size is looked at, and the bytes each must then have on average. */
const freeFrames = 1_000;
const meanBytes = 32;

/** grpc-js's own, which a test calls through, so that a release which renames them is noticed. */
interface Internals {
  _streamHandler: (
    this: Server,
    interceptors: unknown,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
    rawHeaders: readonly string[],
  ) => void;
  _sessionHandler: (this: Server, http2Server: unknown) => (session: ServerHttp2Session) => void;
}

/** Stands for credentials of which Node would keep the first and drop the others unseen: no form of any is like it. */
const repeatedCredential = "repeated";

/** Guards a server's streams; call it before the server has a connection injector. */
export function guardStreams(server: Server, abused: Abused): void {
  const internals = server as unknown as Internals;
  const { _streamHandler, _sessionHandler } = internals;
  internals._streamHandler = function (interceptors, stream, headers, flags, rawHeaders) {
    if (isCompressed(headers)) return refuse(stream);
    endDribbles(stream, abused);
    if (isRepeated("authorization", rawHeaders)) headers.authorization = repeatedCredential;
    _streamHandler.call(this, interceptors, stream, headers, flags, rawHeaders);
  };
  internals._sessionHandler = function (http2Server) {
    const handle = _sessionHandler.call(this, http2Server);
    return (session) => {
      session.on("error", (error: NodeJS.ErrnoException) => {
        // Not the system's, such as ECONNRESET: that is a client going away.
        if (error.code?.startsWith("ERR_HTTP2_")) abused(error);
      });
      handle(session);
    };
  };
}

/** A kilobyte of zeros unpacks to a megabyte, and what zlib unpacks to cannot be wiped. Keys do not compress anyway. */
function isCompressed(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["grpc-encoding"];
  return encoding !== undefined && encoding !== "identity";
}

/** As the gRPC specification has it, with what is taken instead. Of a request that is not read Node resets the rest. */
function refuse(stream: ServerHttp2Stream): void {
  stream.on("error", ignore);
  stream.respond(
    {
      ":status": constants.HTTP_STATUS_OK,
      "content-type": "application/grpc+proto",
      "grpc-status": String(status.UNIMPLEMENTED),
      "grpc-message": "messages are not taken compressed",
      "grpc-accept-encoding": "identity",
    },
    { endStream: true },
  );
}

/** A byte in each frame costs a turn through JavaScript for each: a connection that sends like this is ended. */
function endDribbles(stream: ServerHttp2Stream, abused: Abused): void {
  let frames = 0;
  let bytes = 0;
  stream.on("data", (data: Uint8Array) => {
    bytes += data.length;
    if (++frames <= freeFrames || bytes >= frames * meanBytes || stream.session?.destroyed !== false) return;
    abused();
    stream.session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });
}

function ignore(): void {}

/** Names and values take turns. */
function isRepeated(name: string, rawHeaders: readonly string[]): boolean {
  let seen = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at] === name) seen++;
  return seen > 1;
}
