// What a listener knows of its address, be it a unix socket or a TCP port.

import type { Server, Socket } from "node:net";
import type { Configuration, ListenerConfiguration } from "../config/configuration.ts";

/** What listeners tell of what no call sees. */
export interface ListenerEvents {
  /** A connection was refused: too many of them, a failed TLS handshake, or the system has no room. */
  refused(listener: string, why: "connections" | "handshake" | "accept", error?: Error): void;
  /** A reload could not use a listener's certificate or key; the last good pair stays. */
  certificateKept(listener: string, error: Error): void;
}

/** A bound address. What is behind it may change; it does not. */
export interface BoundAddress {
  /** As a client says it: `unix:PATH` or `host:port`, the port being the real one. */
  readonly address: string;
  readonly server: Server;
  /** Takes over what of new settings the address itself has: owner and mode, or the certificate. */
  update(listener: ListenerConfiguration, configuration: Configuration): void;
  /** Gives the address back; connections stay. */
  release(): void;
}

/** What an address hands over. */
export interface Intake {
  admit(socket: Socket): void;
  refused: ListenerEvents["refused"];
  certificateKept: ListenerEvents["certificateKept"];
}

/** Two listeners with one of these have one address. */
export function addressOf(listener: ListenerConfiguration): string {
  return "unix" in listener ? `unix:${listener.unix}` : `${listener.tcp.host}:${listener.tcp.port}`;
}
