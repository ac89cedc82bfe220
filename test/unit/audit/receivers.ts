// Receivers of audit sinks on loopback: syslog over UDP, TCP and TLS, and OTLP over HTTP.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** What a message of syslog says. */
export interface SyslogMessage {
  readonly priority: number;
  readonly time: string;
  readonly app: string;
  readonly event: string;
  readonly element: string;
  readonly line: string;
}

/** Reads a message by RFC 5424; throws when it is none. */
export function readMessage(text: string): SyslogMessage {
  const pattern = /^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|\[(?:[^\]\\]|\\.)*\]) (.*)$/s;
  const [, priority, time, , app, , event, element, line] = pattern.exec(text) ?? [];
  if (line === undefined) throw new Error(`no message of RFC 5424: ${text}`);
  return { priority: Number(priority), time: time!, app: app!, event: event!, element: element!, line };
}

/** Takes whole octet-counted messages off the front of the bytes; throws when they are not counted. */
function takeCounted(bytes: Buffer, each: (text: string) => void): Buffer {
  for (;;) {
    const space = bytes.indexOf(" ");
    if (space === -1) return bytes;
    const count = Number(bytes.toString("latin1", 0, space));
    if (!Number.isInteger(count)) throw new Error("messages are not counted");
    if (bytes.length < space + 1 + count) return bytes;
    each(bytes.toString("utf8", space + 1, space + 1 + count));
    bytes = bytes.subarray(space + 1 + count);
  }
}

async function listening(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A receiver over TCP, or TLS with a certificate. `port` 0: a free one. */
export async function streamReceiver(port = 0, tls?: { key: string; cert: string }) {
  const messages: SyslogMessage[] = [];
  const sockets = new Set<Socket>();
  const take = (socket: Socket) => {
    let rest: Buffer = Buffer.alloc(0);
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      rest = takeCounted(Buffer.concat([rest, chunk]), (text) => messages.push(readMessage(text)));
    });
  };
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  const at = await listening(server, port);
  return {
    port: at,
    messages,
    /** Breaks all connections and stops listening. */
    stop: async () => {
      for (const socket of sockets) socket.resetAndDestroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A receiver over UDP. */
export async function datagramReceiver() {
  const messages: SyslogMessage[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (bytes) => messages.push(readMessage(bytes.toString("utf8"))));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { port: socket.address().port, messages, stop: () => void socket.close() };
}

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number;
}

/** A log as OTLP's JSON has it. */
export interface OtlpLog {
  readonly timeUnixNano: string;
  readonly severityText: string;
  readonly eventName?: string;
  readonly body: OtlpValue;
  readonly attributes: readonly { readonly key: string; readonly value: OtlpValue }[];
}

interface OtlpRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: OtlpLog["attributes"] };
    readonly scopeLogs: readonly { readonly logRecords: readonly OtlpLog[] }[];
  }[];
}

/** A collector over HTTP that refuses as long as `refusing`. */
export async function collector() {
  const logs: OtlpLog[] = [];
  const state = { refusing: false, refused: 0, services: new Set<string | undefined>() };
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (state.refusing || request.url !== "/v1/logs") {
        state.refused += 1;
        return void response.writeHead(400).end();
      }
      const { resourceLogs } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as OtlpRequest;
      for (const { resource, scopeLogs } of resourceLogs) {
        state.services.add(resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue);
        logs.push(...scopeLogs.flatMap(({ logRecords }) => logRecords));
      }
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  const port = await listening(server, 0);
  return { endpoint: `http://127.0.0.1:${port}/v1/logs`, logs, state, stop: () => void server.close() };
}
