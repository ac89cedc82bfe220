// An HTTP server before Vault, real or made up, that records calls and can be told to fail or lie in each way.

import { Agent, createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";

/** A request as it came. */
export interface Seen {
  readonly method: string;
  /** After the host: `/v1/transit/encrypt/db`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The connection's number, from 1: equal for requests on one kept connection. */
  readonly connection: number;
}

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Answers what the front lets through. */
export type Upstream = (seen: Seen) => Reply | Promise<Reply>;

/** What the front does with a request that it plays with. */
export type Play =
  | { readonly kind: "answer"; readonly reply: (seen: Seen) => Reply | undefined }
  /** Never answers; the calls are let go when another play begins. */
  | { readonly kind: "hang" }
  /** The answer comes byte by byte. */
  | { readonly kind: "slow"; readonly everyMs: number }
  /** The connection is reset instead of an answer. */
  | { readonly kind: "reset" }
  /** The upstream's answer with another body, whose length is announced as it was. */
  | { readonly kind: "spoil"; readonly spoil: (body: string, seen: Seen) => string };

/** A running front. */
export interface Front {
  readonly port: number;
  /** The latest requests, at most 10,000. */
  readonly seen: readonly Seen[];
  /** Answers since the start by path and status, `encrypt 200`; 0 stands for none, since the upstream was not there. */
  count(operation: string, status: number): number;
  /** Requests that `play` met since it was told. */
  hits(): number;
  /** From now on; undefined lets everything through. `only` says which requests it is for: all but logins and health. */
  play(play: Play | undefined, only?: (seen: Seen) => boolean): void;
  /** Ends all connections. */
  drop(): void;
  close(): Promise<void>;
}

const keptRequests = 10_000;

const transitOnly = ({ path }: Seen) => path.includes("/encrypt/") || path.includes("/decrypt/");

/** Passes requests on to a server, over connections that are kept. */
export function passTo(address: string): Upstream {
  const agent = new Agent({ keepAlive: true });
  const pass = (seen: Seen, isAgain = false) =>
    new Promise<Reply>((resolve, reject) => {
      const { method, path, headers, body } = seen;
      const passed = Object.entries(headers).filter(([name]) => name !== "host" && name !== "connection");
      const asked = request(new URL(path, address), { method, headers: Object.fromEntries(passed), agent });
      // The server was restarted: the kept connection says so only now.
      asked.on("error", (error) => (asked.reusedSocket && !isAgain ? resolve(pass(seen, true)) : reject(error)));
      asked.on("response", (response) => {
        const status = response.statusCode ?? 0;
        void textOf(response).then((text) => resolve({ status, headers: plain(response), body: text }), reject);
      });
      asked.end(body);
    });
  return (seen) => pass(seen);
}

function plain({ headers }: IncomingMessage): Record<string, string> {
  const kept = ["content-type", "date", "retry-after", "location"];
  return Object.fromEntries(kept.flatMap((name) => (typeof headers[name] === "string" ? [[name, headers[name]]] : [])));
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Starts a front on a free loopback port, with TLS where it is given a certificate. */
export async function startFront(
  upstream: Upstream,
  tls?: { readonly cert: string; readonly key: string },
): Promise<Front> {
  const seen: Seen[] = [];
  const counts = new Map<string, number>();
  const hanging = new Set<ServerResponse>();
  let [play, only, hits, connections] = [undefined as Play | undefined, transitOnly, 0, 0];
  const numbers = new WeakMap<object, number>();

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket, method = "", url = "", headers } = message;
    if (!numbers.has(socket)) numbers.set(socket, ++connections);
    const one: Seen = { method, path: url, headers, body: await textOf(message), connection: numbers.get(socket)! };
    if (seen.push(one) > keptRequests) seen.splice(0, keptRequests / 2);
    const played = play && only(one) ? play : undefined;
    if (played) hits++;
    if (played?.kind === "hang") return void hanging.add(response);
    if (played?.kind === "reset") return void socket.resetAndDestroy();
    const scripted = played?.kind === "answer" ? played.reply(one) : undefined;
    const reply = scripted ?? (await answerOf(upstream, one).catch(() => tally(one, 0)));
    if (!reply) return void socket.destroy();
    tally(one, reply.status);
    send(response, reply, played, one);
  }

  function tally({ path }: Seen, status: number): undefined {
    const name = `${path.split("/")[3]} ${status}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  const listener = (message: IncomingMessage, response: ServerResponse) =>
    void answer(message, response).catch(() => message.socket.destroy());
  const server: Server = tls
    ? createSecureServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, listener)
    : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const letGo = () => {
    for (const response of hanging) response.destroy();
    hanging.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    count: (operation, status) => counts.get(`${operation} ${status}`) ?? 0,
    hits: () => hits,
    play(next, which = transitOnly) {
      [play, only] = [next, which];
      if (next) hits = 0;
      letGo();
    },
    drop: () => server.closeAllConnections(),
    async close() {
      letGo();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerOf(upstream: Upstream, seen: Seen): Promise<Reply> {
  return await upstream(seen);
}

function send(response: ServerResponse, { status, headers, body }: Reply, play: Play | undefined, seen: Seen): void {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const spoiled = play?.kind === "spoil" && status === 200 ? play.spoil(text, seen) : text;
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(text) });
  if (play?.kind === "slow") return drip(response, text, play.everyMs);
  if (Buffer.byteLength(spoiled) >= Buffer.byteLength(text)) return void response.end(spoiled);
  // Less than was announced: the connection ends in the middle of the answer.
  response.write(spoiled, () => response.destroy());
}

function drip(response: ServerResponse, text: string, everyMs: number): void {
  const bytes = Buffer.from(text);
  let sent = 0;
  const timer = setInterval(() => {
    if (response.destroyed || sent >= bytes.length) return void (clearInterval(timer), response.end());
    response.write(bytes.subarray(sent, ++sent));
  }, everyMs);
  response.on("close", () => clearInterval(timer));
}
