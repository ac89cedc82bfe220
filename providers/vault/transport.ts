// HTTP to one server: kept connections, no redirects, bounded answers, secrets in buffers that are wiped.

import { Agent as HttpAgent, request as requestHttp } from "node:http";
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { BrokerError } from "../../src/errors/index.ts";
import { allocate, wipe } from "../../src/secret/index.ts";
import { unreachable } from "./errors.ts";
import { takeText } from "./json-bytes.ts";

/** One request. */
interface Exchange {
  readonly method: string;
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body; the caller owns and wipes it. */
  readonly json?: Uint8Array | undefined;
  /** The field of the answer that holds a secret. */
  readonly take?: string | undefined;
  /** May be sent again when a kept connection turns out to be dead. */
  readonly repeatable: boolean;
  readonly signal: AbortSignal;
}

/** What came back, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The document without its secret; undefined when the answer is none, or is cut. */
  readonly json: unknown;
  /** The secret text; the caller owns and wipes it. */
  readonly taken: Buffer | undefined;
}

/** Sends, and knows no more of Vault than that an answer is JSON. */
export interface Transport {
  /** Throws PROVIDER_UNAVAILABLE when no whole answer came, and the signal's reason after an abort. */
  send(exchange: Exchange): Promise<Answer>;
  close(): void;
}

/** The largest answer, in bytes: a transit key with a thousand versions is a tenth of it. */
const maxAnswerBytes = 262_144;

/** A free connection is closed after this time: a server or a balancer in between does so after its own. */
const idleMs = 30_000;

/** Connections' bounds, for either kind of agent. */
export const agentOptions = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8, timeout: idleMs } as const;

/** Makes the transport; `secureAgent` answers the agent for https, a new one when its files have changed. */
export function createTransport(address: string, secureAgent: () => Agent): Transport {
  const plainAgent = new HttpAgent(agentOptions);
  const secure = address.startsWith("https:");
  const agents = new Set<Agent>([plainAgent]);
  let closed = false;

  async function send(exchange: Exchange): Promise<Answer> {
    exchange.signal.throwIfAborted();
    if (closed) throw closedError();
    const agent = secure ? secureAgent() : plainAgent;
    agents.add(agent);
    try {
      return await attempt(exchange, agent);
    } catch (error) {
      if (!(error instanceof StaleConnection) || !exchange.repeatable) throw reasonOf(error, exchange);
    }
    return await attempt(exchange, agent).catch((error: unknown) => Promise.reject(reasonOf(error, exchange)));
  }

  function reasonOf(error: unknown, { signal }: Exchange): Error {
    if (signal.aborted) return signal.reason as Error;
    if (closed) return closedError();
    if (error instanceof BrokerError) return error;
    return unreachable(error instanceof StaleConnection ? error.cause : error, address);
  }

  async function attempt(exchange: Exchange, agent: Agent): Promise<Answer> {
    const asked = (secure ? requestHttps : requestHttp)(urlOf(exchange.uri, address), {
      method: exchange.method,
      headers: { ...exchange.headers, ...(exchange.json && { "Content-Length": exchange.json.length }) },
      agent,
      signal: exchange.signal,
    });
    asked.end(exchange.json);
    return await read(await responseTo(asked), exchange.take);
  }

  return {
    send,
    close() {
      closed = true;
      for (const agent of agents) agent.destroy();
    },
  };
}

/** A kept connection that the other side had closed: the request was not heard. */
class StaleConnection extends Error {}

function closedError(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "the vault provider is closed");
}

/** A path that a URL parser would change is one that might climb out of its mount. */
function urlOf(uri: string, address: string): URL {
  const url = new URL(uri);
  if (url.href === uri && url.origin === address) return url;
  throw new BrokerError("REQUEST_INVALID", "a name does not stand in a URL's path as it is");
}

function responseTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once("response", resolve);
    asked.on("error", (error: NodeJS.ErrnoException) => {
      const stale = asked.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(stale ? new StaleConnection("closed by the other side", { cause: error }) : error);
    });
  });
}

async function read(response: IncomingMessage, take: string | undefined): Promise<Answer> {
  const { statusCode: status = 0, headers } = response;
  const document = await whole(response);
  const taken = take === undefined ? undefined : takeText(document, take);
  // Where the secret was not found, it may stand anywhere: no string is made of it.
  const isPublic = taken !== undefined || take === undefined || status >= 300;
  try {
    return { status, headers, json: isPublic ? parse(document) : undefined, taken };
  } finally {
    wipe(document);
  }
}

async function whole(response: IncomingMessage): Promise<Buffer> {
  let document = allocate(4_096);
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (length + chunk.length > maxAnswerBytes) throw tooLong();
      document = roomFor(document, length + chunk.length);
      document.set(chunk, length);
      length += chunk.length;
      wipe(chunk);
    }
    return document.subarray(0, length);
  } catch (error) {
    wipe(document);
    throw error;
  }
}

function tooLong(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "the answer is longer than any of a Vault server");
}

function roomFor(document: Buffer<ArrayBuffer>, length: number): Buffer<ArrayBuffer> {
  if (length <= document.length) return document;
  const larger = allocate(Math.max(length, 2 * document.length));
  larger.set(document);
  wipe(document);
  return larger;
}

function parse(document: Buffer): unknown {
  try {
    return JSON.parse(document.toString("utf8"));
  } catch {
    return undefined;
  }
}
