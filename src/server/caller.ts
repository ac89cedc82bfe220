// Whose connection a call came over: decided by the channel alone.

import type { TLSSocket } from "node:tls";
import type { ServerUnaryCall } from "@grpc/grpc-js";
import { peerCertificateOf } from "../identity/index.ts";
import type { Caller } from "../operations/graph.ts";

/** What of a call tells its connection. */
type AuthenticatedCall = Pick<ServerUnaryCall<unknown, unknown>, "getAuthContext">;

/** A unix socket's caller: everyone who can open it. */
export function socketCaller(listener: string): Caller {
  return { listener, identity: (graph) => graph.identities.ofSocket(listener) };
}

/** What a connection that proves nobody, or is already gone, gets. */
function nobody(listener: string): Caller {
  return { listener, identity: () => undefined };
}

const callers = new WeakMap<object, Caller>();

/**
 * Remembers who a verified TLS connection is. grpc-js offers a handler the socket's `getPeerCertificate()` and
 * nothing else that is the connection's own (an address and port may be shared by two connections to two of our
 * addresses), so that method answers one fixed object from here on, which `callerOfCall` looks up.
 */
export function rememberCaller(socket: TLSSocket, listener: string): void {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return;
  const token = { raw: certificate.raw };
  const peer = peerCertificateOf(certificate);
  // Asked for every call: a verdict is remembered there, until the certificate or an authority ends.
  callers.set(token, { listener, identity: (graph) => graph.identities.ofCertificate(listener, peer) });
  Object.defineProperty(socket, "getPeerCertificate", { value: () => token });
}

/** The caller of one of grpc-js's server calls over TLS. */
export function callerOfCall(call: object, listener: string): Caller {
  try {
    const token = (call as AuthenticatedCall).getAuthContext().sslPeerCertificate;
    return (token && callers.get(token)) ?? nobody(listener);
  } catch {
    // The connection went away under the call.
    return nobody(listener);
  }
}
