// HTTP/2 frames as bytes (RFC 9113), for clients that send what no library would.

/** What a client says first. */
export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

const types = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, windowUpdate: 8, continuation: 9 } as const;

/** Flags of frames, as bits. */
export const flags = { endStream: 1, ack: 1, endHeaders: 4 } as const;

/** One frame: its head of 9 bytes and its body. */
export function frame(type: keyof typeof types, flag: number, stream: number, body: Uint8Array = Buffer.of()): Buffer {
  const bytes = Buffer.alloc(9 + body.length);
  bytes.writeUIntBE(body.length, 0, 3);
  bytes[3] = types[type];
  bytes[4] = flag;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(body, 9);
  return bytes;
}

/** The same frame many times, to be written at once. */
export function frames(count: number, one: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => one(index)));
}

/** A client's first bytes: the preface and its SETTINGS, each an id and a value. */
export function opening(...settings: readonly [id: number, value: number][]): Buffer {
  const body = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], index) => {
    body.writeUInt16BE(id, index * 6);
    body.writeUInt32BE(value, index * 6 + 2);
  });
  return Buffer.concat([preface, frame("settings", 0, 0, body)]);
}

/** SETTINGS_INITIAL_WINDOW_SIZE. */
export const initialWindowSize = 4;

/** The stream that a client opens as its nth, from 0. */
export const streamId = (index: number): number => index * 2 + 1;

/** Header fields as HPACK literals that no table remembers (RFC 7541, section 6.2.2); names and values of at most 126 bytes. */
function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => [value.length, ...Buffer.from(value, "latin1")];
  return Buffer.from(Object.entries(fields).flatMap(([name, value]) => [0, ...text(name), ...text(value)]));
}

/** What opens a gRPC call. */
function callHeaders(path: string, more: Readonly<Record<string, string>> = {}): Buffer {
  return headerBlock({
    ":method": "POST",
    ":scheme": "http",
    ":path": path,
    ":authority": "localhost",
    "content-type": "application/grpc",
    te: "trailers",
    ...more,
  });
}

/** HEADERS that open a gRPC call. */
export function openCall(index: number, path: string, more?: Readonly<Record<string, string>>): Buffer {
  return frame("headers", flags.endHeaders, streamId(index), callHeaders(path, more));
}

/** A gRPC message: whether it is compressed, the length it claims, its bytes. */
export function grpcMessage(bytes: Uint8Array, { compressed = false, length = bytes.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed ? 1 : 0;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}
