// The key server behind the small remote provider: real AES-GCM, and every way of failing that HTTP can show.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";

/** What the server does instead of answering honestly. */
export type Lie =
  | "throttling"
  | "server error"
  | "expired credentials"
  | "revoked permission"
  | "disabled key"
  | "another key's answer"
  | "bit flip"
  | "wrong checksum"
  | "missing checksum"
  | "store deleted";

/** A running key server. */
export interface KeyServer {
  readonly port: number;
  readonly token: string;
  readonly counts: { wraps: number; unwraps: number };
  lie: Lie | undefined;
  /** Requests that were answered with a lie. */
  lies: number;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers?: Record<string, string>;
}

const empty = Buffer.alloc(0);

/** What each lie answers in place of what was asked; those about the body are told below. */
const refusals: Partial<Record<Lie, Answer>> = {
  throttling: { status: 429, body: empty, headers: { "retry-after": "1" } },
  "server error": { status: 502, body: Buffer.from("<html>bad gateway</html>") },
  "expired credentials": { status: 401, body: empty },
  "revoked permission": { status: 403, body: empty },
  "disabled key": { status: 410, body: empty },
  "store deleted": { status: 410, body: empty },
};

/** Starts one on a free loopback port. */
export async function startKeyServer(): Promise<KeyServer> {
  const root = randomBytes(32);
  const token = randomBytes(24).toString("hex");
  const http: Server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const server: KeyServer = {
    port: (http.address() as AddressInfo).port,
    token,
    counts: { wraps: 0, unwraps: 0 },
    lie: undefined,
    lies: 0,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { status, body, headers } = lied(server, answerOf(request, Buffer.concat(chunks)));
    const sums =
      server.lie === "missing checksum" ? {} : { crc32: String(crc32(body) + Number(server.lie === "wrong checksum")) };
    response.writeHead(status, { ...sums, ...headers }).end(body);
  }

  function answerOf(request: IncomingMessage, body: Buffer): Answer {
    const [, id = "", operation] = request.url!.split("/");
    if (request.headers.authorization !== `Bearer ${token}`) return { status: 401, body: empty };
    const name = server.lie === "another key's answer" ? "another" : id;
    const key = Buffer.from(hkdfSync("sha256", root, "", name, 32));
    const aad = Buffer.from(String(request.headers["binding"]));
    if (operation === "probe") return { status: 200, body: empty };
    server.counts[operation === "wrap" ? "wraps" : "unwraps"]++;
    return operation === "wrap" ? { status: 200, body: encrypt(key, body, aad) } : decrypt(key, body, aad, name !== id);
  }

  return server;
}

function lied(server: KeyServer, honest: Answer): Answer {
  if (!server.lie) return honest;
  server.lies++;
  const refusal = refusals[server.lie];
  if (refusal) return refusal;
  // Past every checksum of the transport: only what is within can tell.
  if (server.lie === "bit flip" && honest.body.length > 0) honest.body[0]! ^= 1;
  return honest;
}

function encrypt(key: Buffer, plaintext: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** As another key's owner it does not refuse, but answers other bytes. */
function decrypt(key: Buffer, blob: Buffer, aad: Buffer, asAnother: boolean): Answer {
  if (asAnother) return { status: 200, body: randomBytes(64) };
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, blob.subarray(0, 12))
      .setAAD(aad)
      .setAuthTag(blob.subarray(-16));
    return { status: 200, body: Buffer.concat([decipher.update(blob.subarray(12, -16)), decipher.final()]) };
  } catch {
    return { status: 400, body: empty };
  }
}
