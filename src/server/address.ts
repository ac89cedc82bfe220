// What a listener knows of its address, be it a unix socket or a TCP port.

import type { Server, Socket } from "node:net";
import type { Configuration, ListenerConfiguration } from "../config/configuration.ts";

/**
 * Why a connection was refused or ended: too many of them, a failed TLS handshake, no room in the system, no HTTP/2 in
 * time, or what it sent.
 */
export type Refusal = "connections" | "handshake" | "accept" | "preface" | "protocol";

/** What listeners tell of what no call sees. */
export interface ListenerEvents {
  /** A connection was refused, or ended for what it sent. */
  refused(listener: string, why: Refusal, error?: Error): void;
  /** A listener's certificate, key or authorities changed and are in force. */
  certificateRenewed(listener: string): void;
  /** They changed and cannot be used; the last good ones stay. */
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
  certificateRenewed: ListenerEvents["certificateRenewed"];
  certificateKept: ListenerEvents["certificateKept"];
}

/** Two listeners with one of these have one address. */
export function addressOf(listener: ListenerConfiguration): string {
  return "unix" in listener ? `unix:${listener.unix}` : `${listener.tcp.host}:${listener.tcp.port}`;
}
