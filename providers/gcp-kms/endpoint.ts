// The address of a private or a test's endpoint: host, and port where it is not 443.

import { isIP } from "node:net";

/** Where to connect. The library wants host and port apart: given one text, it looks for a host of that name. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const httpsPort = 443;
const hostName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const parts = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]/@\s]+))(?::(?<port>[0-9]{1,5}))?$/;

/** Reads `host`, `host:port` or `[v6]:port`; undefined when it is none of these. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const { v6, host, port } = parts.exec(text)?.groups ?? {};
  const number = port === undefined ? httpsPort : Number(port);
  if (number < 1 || number > 65_535) return undefined;
  if (v6 !== undefined) return isIP(v6) === 6 ? { host: `[${v6}]`, port: number } : undefined;
  return host !== undefined && hostName.test(host) ? { host, port: number } : undefined;
}

/** Whether the host is an address: TLS of Node wants a name to check the certificate against. */
export function isAddress({ host }: Endpoint): boolean {
  return host.startsWith("[") || isIP(host) !== 0;
}

/** Whether packets to this host never leave the machine. A name but `localhost` may be anywhere. */
export function isLoopback({ host }: Endpoint): boolean {
  return host === "localhost" || host === "[::1]" || (isIP(host) === 4 && host.startsWith("127."));
}
