// A strict AWS KMS endpoint with STS beside it, on a loopback port: it answers as the services' definitions say, refuses
// what they refuse, and can be told to lie. All regions are on one port: the signature names the region.

import { randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AwsError } from "./error.ts";
import { createKeys } from "./keys.ts";
import type { Keys } from "./keys.ts";
import { deny, falsify, send } from "./lies.ts";
import type { Lie, Told } from "./lies.ts";
import { operations } from "./operations.ts";
import type { Allow, Call } from "./operations.ts";
import { verify } from "./signature.ts";
import type { Credentials, SignedRequest } from "./signature.ts";
import { createSessions, errorXml } from "./sts.ts";
import type { Sessions } from "./sts.ts";

export { homeRegion } from "./keys.ts";
export type { Key } from "./keys.ts";
export type { Lie } from "./lies.ts";
export type { Call } from "./operations.ts";

/** A running endpoint. */
export interface AwsKms {
  /** `http://127.0.0.1:PORT`, for KMS and STS. */
  readonly url: string;
  readonly port: number;
  /** A user's access key, which never expires. */
  readonly user: Credentials;
  readonly keys: Keys;
  readonly sessions: Sessions;
  /** What the account's policies allow; at first everything. */
  allow: Allow;
  /** How far this endpoint's clock is ahead of the machine's. */
  clockAheadMs: number;
  /** Lies until it is told the truth again. The latest lie about a call counts. */
  lie(lie: Lie, when?: (call: Call) => boolean): Told & { end(): void };
  /** Calls of an operation that were carried out and answered well, dry runs and trials aside. */
  count(operation: string): number;
  /** Ends every connection. */
  drop(): void;
  stop(): Promise<void>;
}

/** Starts an endpoint of its own. */
export async function startAwsKms(): Promise<AwsKms> {
  const user: Credentials = {
    accessKeyId: `AKIA${randomBytes(8).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString("base64"),
    sessionToken: undefined,
    expiresAt: undefined,
  };
  const lies: Told[] = [];
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    serve({ aws, lies, counts }, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const aws: AwsKms = {
    url: `http://127.0.0.1:${port}`,
    port,
    user,
    keys: createKeys(),
    sessions: createSessions(),
    allow: () => true,
    clockAheadMs: 0,
    count: (operation) => counts.get(operation) ?? 0,
    lie(lie, when) {
      const told = { lie, when, hits: 0 };
      lies.unshift(told);
      return Object.assign(told, { end: () => void lies.splice(lies.indexOf(told), 1) });
    },
    drop: () => server.closeAllConnections(),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return aws;
}

interface State {
  readonly aws: AwsKms;
  readonly lies: readonly Told[];
  readonly counts: Map<string, number>;
}

async function serve({ aws, lies, counts }: State, request: IncomingMessage, response: ServerResponse) {
  const signed = await read(request);
  const now = new Date(Date.now() + aws.clockAheadMs);
  response.setHeader("date", now.toUTCString());
  response.setHeader("x-amzn-requestid", randomUUID());
  if (signed.headers["content-type"]?.startsWith("application/x-www-form-urlencoded"))
    return await serveSts(aws, signed, now, response);
  response.setHeader("content-type", "application/x-amz-json-1.1");
  let lie: Lie | undefined;
  try {
    const call = callOf(aws, signed, now);
    const told = lies.find(({ when }) => when?.(call) ?? true);
    lie = told?.lie;
    if (told) told.hits++;
    if (lie) deny(lie);
    const answer = lie?.kind === "answer" ? lie.answer : operations[call.operation]!(call, aws.keys, aws.allow);
    if (isCounted(call)) counts.set(call.operation, 1 + (counts.get(call.operation) ?? 0));
    await send(response, 200, json(lie ? falsify(answer, lie) : answer), lie);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    const isHtml = error.name === "HTML";
    if (isHtml) response.setHeader("content-type", "text/html");
    const body = isHtml ? Buffer.from(error.message) : json({ __type: error.name, message: error.message });
    await send(response, error.status, body, lie);
  }
}

function callOf(state: AwsKms, request: SignedRequest, now: Date): Call {
  const find = (id: string) => (id === state.user.accessKeyId ? state.user : state.sessions.find(id));
  const { region, service } = verify(request, find, now);
  if (service !== "kms") throw new AwsError("InvalidSignatureException", "Credential should be scoped to service kms");
  const operation = /^TrentService\.(\w+)$/.exec(request.headers["x-amz-target"] ?? "")?.[1] ?? "";
  if (request.headers["content-type"] !== "application/x-amz-json-1.1" || !Object.hasOwn(operations, operation))
    throw new AwsError("UnknownOperationException");
  return { operation, region, input: parse(request.body) };
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    throw new AwsError("SerializationException");
  }
}

async function serveSts(state: AwsKms, request: SignedRequest, now: Date, response: ServerResponse): Promise<void> {
  const form = new URLSearchParams(request.body.toString());
  response.setHeader("content-type", "text/xml");
  try {
    if (form.get("Action") === "AssumeRole")
      verify(request, (id) => (id === state.user.accessKeyId ? state.user : undefined), now);
    await send(response, 200, Buffer.from(state.sessions.answer(form, now)));
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    await send(response, error.status, Buffer.from(errorXml(error)));
  }
}

async function read(request: IncomingMessage): Promise<SignedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  return { method: request.method ?? "", path: request.url ?? "", headers, body: Buffer.concat(chunks) };
}

/** A trial of the endpoint wraps nothing of anybody's. */
function isCounted({ input }: Call): boolean {
  return (input["EncryptionContext"] as { trial?: string } | undefined)?.trial === undefined;
}

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
