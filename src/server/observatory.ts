// HTTP for monitoring: /livez, /readyz and /metrics, and nothing else.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ListenError } from "./listen-error.ts";

/** What is told. */
export interface ObservatoryParts {
  /** Whether calls are taken, and what an operator should know: it shows as JSON. */
  readiness(): { readonly ready: boolean } & Readonly<Record<string, unknown>>;
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** An open endpoint. */
export interface Observatory {
  /** `host:port`, the port being the real one. */
  readonly address: string;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const limits = { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 30_000, maxHeaderSize: 8_192 };
const maxConnections = 64;
const text = "text/plain; charset=utf-8";

/** Opens it. Throws ListenError. */
export async function openObservatory(
  { host, port }: { readonly host: string; readonly port: number },
  parts: ObservatoryParts,
): Promise<Observatory> {
  // An import of node:http reads all it exports, WebSocket too, and that loads a whole HTTP client.
  const { createServer } = process.getBuiltinModule("node:http");
  const server = createServer(limits, (request, response) => void respond(request, response, parts));
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new ListenError(`metrics cannot be served on ${host}:${port}: ${error.code ?? error.message}`));
    });
    server.listen(port, host, resolve);
  });
  server.removeAllListeners("error").on("error", () => undefined);
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    address: `${address.includes(":") ? `[${address}]` : address}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, parts: ObservatoryParts): Promise<void> {
  const { status, contentType, body } = await answer(request, parts);
  request.resume();
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    ...(status === 405 && { allow: "GET, HEAD" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function answer(request: IncomingMessage, parts: ObservatoryParts): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "only GET\n");
  const path = (request.url ?? "").split("?", 1)[0];
  try {
    // Alive is who can answer: no provider's trouble is cured by a restart.
    if (path === "/livez") return plain(200, "ok\n");
    if (path === "/readyz") return readiness(parts);
    if (path === "/metrics") return { status: 200, ...(await parts.metrics()) };
  } catch {
    return plain(500, "failed: the log says why\n");
  }
  return plain(404, "/livez, /readyz or /metrics\n");
}

function readiness(parts: ObservatoryParts): Answer {
  const found = parts.readiness();
  return { status: found.ready ? 200 : 503, contentType: "application/json", body: `${JSON.stringify(found)}\n` };
}

function plain(status: number, body: string): Answer {
  return { status, contentType: text, body };
}
