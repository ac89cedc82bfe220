// The syslog sink: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import type { Item, Target } from "./sink.ts";
import { octetCounted, syslogMessage } from "./syslog-message.ts";

/** Where syslog listens. */
export interface SyslogAddress {
  readonly transport: "udp" | "tcp" | "tls";
  readonly host: string;
  readonly port: number;
  /** A PEM file of the authorities that count, with TLS; the system's without it. */
  readonly ca?: string | undefined;
}

/** The largest that a datagram over IPv4 takes. A longer message is cut, and so is no JSON: the file has it whole. */
const maxDatagramBytes = 65_507;

/** Makes the target; it connects when there is something to send. */
export function syslogTarget(address: SyslogAddress): Target {
  return address.transport === "udp" ? datagrams(address) : new Stream(address);
}

/** Nobody answers a datagram: that the kernel took it is all there is to know, or that the port is closed. */
function datagrams({ host, port }: SyslogAddress): Target {
  let socket: ReturnType<typeof createSocket> | undefined;
  let refused: Error | undefined;
  async function open() {
    const opened = createSocket(host.includes(":") ? "udp6" : "udp4");
    opened.unref().on("error", (error) => (refused = error));
    opened.connect(port, host);
    await once(opened, "connect");
    return opened;
  }
  return {
    async send(items) {
      socket ??= await open();
      refused = undefined;
      for (const item of items) {
        const bytes = Buffer.from(syslogMessage(item)).subarray(0, maxDatagramBytes);
        await promisify<Uint8Array, void>((data, done) => socket!.send(data, (error) => done(error)))(bytes);
        if (refused !== undefined) throw refused as Error;
      }
    },
    close() {
      socket?.close();
      return Promise.resolve();
    },
  };
}

/** Bytes that may lie in the system's buffers of a connection that breaks: they are sent again on the next. */
const resentBytes = 1_048_576;
const closeTimeoutMs = 1_000;

/** A connection that is made again when it breaks. */
class Stream implements Target {
  readonly #address: SyslogAddress;
  #socket: Socket | undefined;
  /** What this connection was given last; a receiver over TCP never says what it took. */
  #recent: Buffer[] = [];
  #unsure: Buffer[] = [];

  constructor(address: SyslogAddress) {
    this.#address = address;
  }

  async send(items: readonly Item[], signal: AbortSignal): Promise<void> {
    const socket = (this.#socket ??= await this.#connect(signal));
    const bytes = Buffer.from(items.map((item) => octetCounted(syslogMessage(item))).join(""));
    try {
      for (const again of this.#unsure) await written(socket, again, signal);
      this.#unsure = [];
      await written(socket, bytes, signal);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    this.#remember(bytes);
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    const closed = once(socket, "close", { signal: AbortSignal.timeout(closeTimeoutMs) }).catch(() => undefined);
    socket.end();
    await closed;
    socket.destroy();
  }

  async #connect(signal: AbortSignal): Promise<Socket> {
    const socket = this.#dial();
    try {
      await once(socket, this.#address.transport === "tls" ? "secureConnect" : "connect", { signal });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    // It has nothing to say; what it says is thrown away, so that its end is seen.
    socket.unref().resume();
    socket.setKeepAlive(true, 30_000);
    socket.on("error", () => undefined).on("close", () => this.#broken());
    return socket;
  }

  #dial(): Socket {
    const { transport, host, port, ca } = this.#address;
    if (transport === "tcp") return connect({ host, port });
    return connectTls({ host, port, minVersion: "TLSv1.2", ...(ca !== undefined && { ca: readFileSync(ca) }) });
  }

  #broken(): void {
    this.#socket = undefined;
    this.#unsure.push(...this.#recent);
    this.#recent = [];
    drop(this.#unsure);
  }

  #remember(bytes: Buffer): void {
    this.#recent.push(bytes);
    drop(this.#recent);
  }
}

/** Keeps the last, and so many bytes at most. */
function drop(kept: Buffer[]): void {
  let bytes = kept.reduce((sum, one) => sum + one.length, 0);
  while (kept.length > 1 && bytes > resentBytes) bytes -= kept.shift()!.length;
}

function written(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => reject(signal.reason as Error);
    if (signal.aborted) return give();
    signal.addEventListener("abort", give);
    socket.write(bytes, (error) => {
      signal.removeEventListener("abort", give);
      if (error) reject(error);
      else resolve();
    });
  });
}
