// Checks of listeners: ways in that collide, or are open to more than meant.

import type { Parts } from "../build.ts";
import type { ListenerConfiguration, TcpListenerConfiguration, UnixListenerConfiguration } from "../configuration.ts";
import type { Path } from "../problem.ts";
import { refuseRepeats, type Faults } from "./faults.ts";

/** sun_path holds 108 bytes on Linux and 104 elsewhere, and a temporary name beside the socket must fit too. */
const maxSocketPathBytes = 100;

/** All checks of listeners. */
export function checkListeners(parts: Parts, faults: Faults): void {
  const listeners = [...parts.listeners.values()];
  checkSockets(listeners.filter(isUnix), faults);
  checkAddresses(listeners.filter(isTcp), parts, faults);
}

function isUnix(listener: ListenerConfiguration): listener is UnixListenerConfiguration {
  return "unix" in listener;
}

function isTcp(listener: ListenerConfiguration): listener is TcpListenerConfiguration {
  return "tcp" in listener;
}

function checkSockets(listeners: readonly UnixListenerConfiguration[], faults: Faults): void {
  for (const { name, unix, mode } of listeners) {
    const bytes = Buffer.byteLength(unix);
    if (bytes > maxSocketPathBytes) {
      const message = `the socket's path has ${bytes} bytes: at most ${maxSocketPathBytes} work everywhere`;
      faults.errors.push({ path: ["listeners", name, "unix"], message });
    }
    if ((mode & 0o002) !== 0) {
      const message = "every user of this machine can open the socket and has its identity: use a group instead";
      faults.warnings.push({ path: ["listeners", name, "mode"], message });
    }
  }
  refuseRepeats(
    listeners,
    ({ unix }) => unix,
    ({ name, unix }, first) => ({
      path: ["listeners", name, "unix"],
      message: `${unix} is the socket of ${first.name} already`,
    }),
    faults,
  );
}

interface Endpoint {
  readonly path: Path;
  readonly of: string;
  readonly host: string;
  readonly port: number;
}

function checkAddresses(listeners: readonly TcpListenerConfiguration[], { shell }: Parts, faults: Faults): void {
  const endpoints: Endpoint[] = listeners.map(({ name, tcp }) => ({
    path: ["listeners", name, "tcp"],
    of: name,
    ...tcp,
  }));
  const monitoring = shell?.metrics?.listen;
  if (monitoring !== undefined) {
    const path = ["metrics", "listen"];
    endpoints.push({ path, of: "metrics", ...monitoring });
    if (!isLoopback(monitoring.host)) {
      const message = "this is plain HTTP without authentication: listen on a loopback address";
      faults.warnings.push({ path, message });
    }
  }
  endpoints.forEach((endpoint, index) => {
    const first = endpoints.slice(0, index).find((other) => collide(endpoint, other));
    if (first === undefined) return;
    const message = `${endpoint.host}:${endpoint.port} is the address of ${first.of} already`;
    faults.errors.push({ path: endpoint.path, message });
  });
}

const everyHost = new Set(["0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0"]);

function collide(a: Endpoint, b: Endpoint): boolean {
  const sameHost = a.host.toLowerCase() === b.host.toLowerCase() || everyHost.has(a.host) || everyHost.has(b.host);
  return a.port !== 0 && a.port === b.port && sameHost;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(host);
}
