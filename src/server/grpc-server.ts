// A gRPC server with every limit set, fed with connections that a listener accepted itself.

import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ConnectionInjector } from "@grpc/grpc-js";

import type { Configuration } from "../config/configuration.ts";
import { guardStreams } from "./stream-guard.ts";
import type { Abused } from "./stream-guard.ts";

/** A server and its intake. */
export interface GrpcServer {
  readonly server: Server;
  readonly injector: ConnectionInjector;
}

/** Mebibytes of HTTP/2 session state before Node refuses new streams on it. */
const maxSessionMemory = 64;

/** A peer that does not answer a ping is gone. */
const keepaliveMs = 60_000;
const keepaliveTimeoutMs = 20_000;

/**
 * Makes a server without a port of its own. Message size, streams, header bytes, session memory and idleness are
 * bounded; channelz, which keeps a record per call, is off. `abused` hears of connections that are ended for what they send.
 */
export function createGrpcServer(limits: Configuration["limits"], abused: Abused): GrpcServer {
  const server = new Server({
    "grpc.enable_channelz": 0,
    "grpc.max_receive_message_length": limits.maxMessageBytes,
    "grpc.max_concurrent_streams": limits.maxStreamsPerConnection,
    "grpc.max_connection_idle_ms": limits.idleTimeoutMs,
    "grpc.keepalive_time_ms": Math.min(keepaliveMs, limits.idleTimeoutMs),
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    "grpc-node.max_session_memory": maxSessionMemory,
  });
  limitSessions(server, limits.maxHeaderBytes);
  guardStreams(server, abused);
  return { server, injector: server.createConnectionInjector(ServerCredentials.createInsecure()) };
}

/**
 * Streams that a client may reset at once, and then in a second. Twice the streams it may have: a client that gives up
 * on all its calls stays, and one that opens streams only to reset them goes before it has cost others half a second.
 */
const resets = { streamResetBurst: 256, streamResetRate: 100 };

/**
 * grpc-js has no option for HTTP/2's header limit and resets, but passes this object to node:http2, which holds a peer
 * to it from the first frame. Tests send too much of both, so that a release which renames the field is noticed.
 */
function limitSessions(server: Server, maxHeaderListSize: number): void {
  const { commonServerOptions } = server as unknown as { commonServerOptions: { settings?: object } };
  Object.assign(commonServerOptions, resets, { settings: { ...commonServerOptions.settings, maxHeaderListSize } });
}
