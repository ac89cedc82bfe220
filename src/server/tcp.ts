// A listener's address as a TCP port with mutual TLS.

import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import type { Server, TlsOptions, TLSSocket } from "node:tls";
import type { Configuration, TcpListenerConfiguration } from "../config/configuration.ts";
import { rememberCaller } from "./caller.ts";
import { ListenError } from "./listen-error.ts";
import type { BoundAddress, Intake } from "./address.ts";
import { contextOptions, fixedTlsOptions, withCredentials } from "./tls.ts";

/** Listens with the listener's certificate. Throws ListenError. */
export async function bindTcp(
  listener: TcpListenerConfiguration,
  configuration: Configuration,
  intake: Intake,
): Promise<BoundAddress> {
  let current = listener;
  const fixed = fixedTlsOptions(configuration.limits.prefaceTimeoutMs);
  const server = withCredentials(listener, configuration, (credentials) =>
    createServer({ ...fixed, ...contextOptions(credentials), noDelay: true, keepAlive: true }),
  );
  server.on("secureConnection", (socket) => admit(socket, current.name, intake));
  server.on("tlsClientError", (error, socket) => {
    // Node tells of a handshake that takes too long, and leaves the connection open.
    socket.destroy();
    intake.refused(current.name, "handshake", error);
  });
  await listen(server, listener);
  return {
    address: boundAddress(server),
    server,
    update(changed, next) {
      current = changed as TcpListenerConfiguration;
      replaceCertificate(server, fixed, current, next, intake);
    },
    release: () => void server.close(),
  };
}

function admit(socket: TLSSocket, listener: string, intake: Intake): void {
  // Without ALPN's h2 this is no gRPC client; node:http2 would take it for HTTP/1.
  if (socket.alpnProtocol !== "h2") return void socket.destroy();
  rememberCaller(socket, listener);
  intake.admit(socket);
}

/** New handshakes use the files as they are now, unless they are halfway through a rotation. */
function replaceCertificate(
  server: Server,
  fixed: TlsOptions,
  listener: TcpListenerConfiguration,
  configuration: Configuration,
  intake: Intake,
): void {
  try {
    withCredentials(listener, configuration, (credentials) =>
      server.setSecureContext({ ...fixed, ...contextOptions(credentials) }),
    );
  } catch (error) {
    intake.certificateKept(listener.name, error as Error);
  }
}

function listen(server: Server, { name, tcp }: TcpListenerConfiguration): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "another process has it" : (error.code ?? error.message);
      reject(new ListenError(`listener ${name} cannot listen on ${tcp.host}:${tcp.port}: ${why}`));
    };
    server.once("error", fail);
    server.listen(tcp.port, tcp.host, () => {
      server.removeListener("error", fail);
      resolve();
    });
  });
}

function boundAddress(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
}
