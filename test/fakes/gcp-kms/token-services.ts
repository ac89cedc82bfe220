// Google's token services on loopback: a metadata server, and the exchange of workload identity federation.

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Account } from "./accounts.ts";

/** A service at work. */
export interface TokenService {
  readonly port: number;
  /** Tokens that it handed out. */
  readonly tokens: readonly string[];
  /** How long tokens live from now on, in milliseconds. */
  setLife(lifeMs: number): void;
  stop(): void;
}

const hourMs = 3_600_000;

type Grant = (request: IncomingMessage, body: string, response: ServerResponse) => boolean;

/** The metadata server of a machine that runs as the account. */
export function startMetadataServer(account: Account): Promise<TokenService> {
  return start(account, (request, _, response) => {
    response.setHeader("Metadata-Flavor", "Google");
    if (request.headers["metadata-flavor"] !== "Google") return refuse(response, 403);
    if (request.url?.includes("/token")) return true;
    const known = request.url?.endsWith("project-id") ? "keybroker-test" : "";
    response.end(request.url?.includes("universe") ? "googleapis.com" : known);
    return false;
  });
}

/** The security token service: it gives the account's tokens for the one subject token that it knows. */
export function startTokenExchange(account: Account, subjectToken: () => string): Promise<TokenService> {
  return start(account, (_, body, response) => {
    const asked = new URLSearchParams(body);
    const ours =
      asked.get("subject_token") === subjectToken() &&
      asked.get("grant_type") === "urn:ietf:params:oauth:grant-type:token-exchange" &&
      asked.get("scope") === "https://www.googleapis.com/auth/cloudkms";
    return ours || refuse(response, 400);
  });
}

function refuse(response: ServerResponse, statusCode: number): false {
  response.writeHead(statusCode, { "content-type": "application/json" });
  response.end('{"error":"invalid_grant","error_description":"the subject token is not accepted"}');
  return false;
}

async function start(account: Account, grant: Grant): Promise<TokenService> {
  const tokens: string[] = [];
  let lifeMs = hourMs;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (!grant(request, Buffer.concat(chunks).toString(), response)) return;
    const token = account.token(lifeMs);
    tokens.push(token);
    response.setHeader("content-type", "application/json");
    const type = "urn:ietf:params:oauth:token-type:access_token";
    const expires = lifeMs / 1_000;
    response.end(
      JSON.stringify({ access_token: token, expires_in: expires, token_type: "Bearer", issued_token_type: type }),
    );
  };
  const server: Server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    tokens,
    setLife: (wantedMs) => void (lifeMs = wantedMs),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
