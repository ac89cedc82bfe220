// Who a call comes from: decided by its connection, and by the bearer token that it may show, alone.

import type { TLSSocket } from "node:tls";
import type { Metadata, ServerUnaryCall } from "@grpc/grpc-js";
import type { ListenerConfiguration } from "../config/configuration.ts";
import { bearerToken, peerCertificateOf, type Channel, type Identity } from "../identity/index.ts";
import type { Caller, Graph } from "../operations/graph.ts";
import type { CallerOf } from "./grpc/index.ts";

/** What of a call tells its connection. */
type AuthenticatedCall = Pick<ServerUnaryCall<unknown, unknown>, "getAuthContext">;

/** A connection as a caller, and whether it proves anything by itself. */
interface Connection extends Caller {
  readonly proves: boolean;
  identity(graph: Graph): Identity | undefined;
}

/** Tells the callers of a listener's calls. */
export function callersOf(listener: ListenerConfiguration): CallerOf {
  const { name } = listener;
  if ("tcp" in listener) return (call) => withToken(connectionOfCall(call, name), call.metadata);
  const socket = socketConnection(name);
  return (call) => withToken(socket, call.metadata);
}

/** A unix socket's caller: everyone who can open it. */
function socketConnection(listener: string): Connection {
  return { listener, peer: undefined, proves: true, identity: (graph) => graph.identities.ofSocket(listener) };
}

/** What a connection that is already gone gets: nobody, whatever token it shows. */
function goneConnection(listener: string): Connection {
  return { listener, peer: undefined, proves: true, identity: () => undefined };
}

const connections = new WeakMap<object, Connection>();

/**
 * Remembers who a verified TLS connection is. grpc-js offers a handler the socket's `getPeerCertificate()` and
 * nothing else that is the connection's own (an address and port may be shared by two connections to two of our
 * addresses), so that method answers one fixed object from here on, which `connectionOfCall` looks up.
 */
export function rememberCaller(socket: TLSSocket, listener: string): void {
  const certificate = socket.getPeerX509Certificate();
  // Without a field of its own grpc-js would take it for the empty object that stands for no certificate.
  const mark = { raw: certificate?.raw ?? new Uint8Array() };
  connections.set(mark, connectionOf(socket, listener));
  Object.defineProperty(socket, "getPeerCertificate", { value: () => mark });
  // Nor does grpc-js ask a socket without a verified certificate, as where a token comes alone.
  if (certificate === undefined) socket.authorized = true;
}

function connectionOf(socket: TLSSocket, listener: string): Connection {
  const certificate = socket.getPeerX509Certificate();
  const { remoteAddress: host, remotePort, remoteFamily } = socket;
  const address = `${remoteFamily === "IPv6" ? `[${host}]` : host}:${remotePort}`;
  if (certificate === undefined) return { listener, peer: address, proves: false, identity: () => undefined };
  const peer = peerCertificateOf(certificate);
  // Asked for every call: a verdict is remembered there, until the certificate or an authority ends.
  const identity = (graph: Graph) => graph.identities.ofCertificate(listener, peer);
  return { listener, peer: address, proves: true, identity };
}

/** The connection of one of grpc-js's server calls over TLS. */
function connectionOfCall(call: object, listener: string): Connection {
  try {
    const mark = (call as AuthenticatedCall).getAuthContext().sslPeerCertificate;
    return (mark && connections.get(mark)) ?? goneConnection(listener);
  } catch {
    // The connection went away under the call.
    return goneConnection(listener);
  }
}

const bearer = /^bearer +([^\s]+)$/i;

/** The connection, or who the token in its metadata says over it. A token that is not in order is not passed over. */
function withToken(connection: Connection, metadata: Metadata): Caller {
  const shown = metadata.get("authorization");
  if (shown.length === 0) return connection;
  const { listener, peer, proves } = connection;
  const [only] = shown;
  const text = shown.length === 1 && typeof only === "string" ? bearer.exec(only)?.[1] : undefined;
  const token = bearerToken(text ?? "");
  return {
    listener,
    peer,
    identity(graph) {
      const channel: Channel = { listener, proves, identity: connection.identity(graph) };
      return graph.identities.ofToken(channel, token);
    },
  };
}
