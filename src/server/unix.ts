// A listener's address as a unix socket.

import { createServer } from "node:net";
import type { UnixListenerConfiguration } from "../config/configuration.ts";
import type { BoundAddress, Intake } from "./address.ts";
import { listenOnSocket } from "./unix-socket.ts";

/** Claims the path and listens on it. Throws ListenError. */
export async function bindUnix(listener: UnixListenerConfiguration, intake: Intake): Promise<BoundAddress> {
  const server = createServer();
  server.on("connection", (socket) => intake.admit(socket));
  const claim = await listenOnSocket(server, listener.unix, listener);
  return {
    address: `unix:${listener.unix}`,
    server,
    update: (changed) => claim.open(changed as UnixListenerConfiguration),
    release() {
      claim.release();
      server.close();
    },
  };
}
