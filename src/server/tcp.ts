// A listener's address as a TCP port with mutual TLS.

import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import type { Server, TlsOptions, TLSSocket } from "node:tls";
import { watchFiles } from "../config/index.ts";
import type { Configuration, TcpListenerConfiguration } from "../config/index.ts";
import { rememberCaller } from "./caller.ts";
import { ListenError } from "./listen-error.ts";
import type { BoundAddress, Intake } from "./address.ts";
import { contextOptions, fixedTlsOptions, tlsFilesOf, withCredentials } from "./tls.ts";

/** Listens with the listener's certificate. Throws ListenError. */
export async function bindTcp(
  listener: TcpListenerConfiguration,
  configuration: Configuration,
  intake: Intake,
): Promise<BoundAddress> {
  let current = { listener, configuration };
  let watch = watchFiles(tlsFilesOf(listener, configuration));
  const fixed = fixedTlsOptions(configuration.limits.prefaceTimeoutMs);
  const server = withCredentials(listener, configuration, (credentials) =>
    createServer({ ...fixed, ...contextOptions(credentials), noDelay: true, keepAlive: true }),
  );
  const renew = () => replaceCertificate(server, fixed, current.listener, current.configuration, intake);
  const watched = () => {
    if (renew()) intake.certificateRenewed(current.listener.name);
    return Promise.resolve();
  };
  askForCertificates(server, listener.name, configuration);
  watch.start(watched);
  server.on("secureConnection", (socket) => admit(socket, current.listener.name, intake));
  server.on("tlsClientError", (error, socket) => {
    // Node tells of a handshake that takes too long, and leaves the connection open.
    socket.destroy();
    intake.refused(current.listener.name, "handshake", error);
  });
  await listen(server, listener);
  return {
    address: boundAddress(server),
    server,
    update(changed, next) {
      current = { listener: changed as TcpListenerConfiguration, configuration: next };
      watch.stop();
      watch = watchFiles(tlsFilesOf(current.listener, next));
      watch.start(watched);
      askForCertificates(server, changed.name, next);
      renew();
    },
    release() {
      watch.stop();
      server.close();
    },
  };
}

/**
 * Where an identity shows a token alone, a connection may come without a certificate: `admit` refuses one that does not
 * verify. Node asks these two properties of the server for each connection, and they are not in its documentation; a
 * test notices when that changes.
 */
function askForCertificates(server: Server, name: string, { identities }: Configuration): void {
  const alone = [...identities.values()].some(
    ({ listener, token, within }) => listener === name && token !== undefined && within === undefined,
  );
  Object.assign(server, { requestCert: true, rejectUnauthorized: !alone });
}

function admit(socket: TLSSocket, listener: string, intake: Intake): void {
  if (!socket.authorized && socket.getPeerX509Certificate() !== undefined) {
    socket.destroy();
    return intake.refused(listener, "handshake", socket.authorizationError);
  }
  // Without ALPN's h2 this is no gRPC client; node:http2 would take it for HTTP/1.
  if (socket.alpnProtocol !== "h2") return void socket.destroy();
  rememberCaller(socket, listener);
  intake.admit(socket);
}

/** New handshakes use the files as they are now, unless they are halfway through a rotation: then those before. */
function replaceCertificate(
  server: Server,
  fixed: TlsOptions,
  listener: TcpListenerConfiguration,
  configuration: Configuration,
  intake: Intake,
): boolean {
  try {
    withCredentials(listener, configuration, (credentials) =>
      server.setSecureContext({ ...fixed, ...contextOptions(credentials) }),
    );
    return true;
  } catch (error) {
    intake.certificateKept(listener.name, error as Error);
    return false;
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
