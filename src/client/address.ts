// Where a daemon listens, as callers write it.

import { resolve } from "node:path";

/** sockaddr_un has room for 108 bytes with the final zero (unix(7)). */
const maxSocketPathBytes = 107;

/** A checked address. */
export interface Address {
  /** As grpc-js takes it. */
  readonly target: string;
  /** As messages show it. */
  readonly text: string;
  /** A unix socket's path; undefined for TCP. */
  readonly socketPath: string | undefined;
  /** A name or an IP address, without brackets; undefined for a unix socket. */
  readonly host: string | undefined;
}

/** Reads `unix:PATH` or `host:port`; throws a TypeError that says what is wrong. */
export function parseAddress(text: string): Address {
  return text.startsWith("unix:") ? unixAddress(text) : tcpAddress(text);
}

function unixAddress(text: string): Address {
  const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (path === "") throw new TypeError(`address "${text}": a path must follow unix:`);
  const socketPath = resolve(path);
  const length = Buffer.byteLength(socketPath);
  if (length > maxSocketPathBytes)
    throw new TypeError(
      `address "${text}": the socket's path is ${length} bytes; the system allows ${maxSocketPathBytes}`,
    );
  return { target: `unix:${socketPath}`, text: `unix:${socketPath}`, socketPath, host: undefined };
}

function tcpAddress(text: string): Address {
  const parts = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})$/.exec(text);
  const port = Number(parts?.[2]);
  if (!parts || port < 1 || port > 65535)
    throw new TypeError(`address "${text}": write unix:PATH or host:port ([address]:port for IPv6)`);
  return { target: `dns:${text}`, text, socketPath: undefined, host: parts[1]!.replace(/^\[|\]$/g, "") };
}
