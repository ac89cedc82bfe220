// What the endpoint can be told to do instead of what the service's definition says.

import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { AwsError } from "./error.ts";
import type { Call } from "./operations.ts";

/** What goes wrong. */
export type Lie =
  /** Nothing: calls are only counted. */
  | { readonly kind: "none" }
  /** No answer, ever. */
  | { readonly kind: "hang" }
  /** Byte by byte. */
  | { readonly kind: "slow"; readonly everyMs: number }
  /** The connection is reset in the middle of the answer. */
  | { readonly kind: "reset" }
  /** The answer ends, whole as a message and short as JSON. */
  | { readonly kind: "truncated JSON" }
  /** The connection closes before the announced length. */
  | { readonly kind: "truncated message" }
  /** A bit of the plaintext or ciphertext is flipped. */
  | { readonly kind: "bit flip" }
  /** A load balancer's words instead of the service's. */
  | { readonly kind: "HTML"; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: "error"; readonly name: string; readonly status?: number; readonly retryAfter?: string }
  /** It is answered without looking: a service that checks nothing. */
  | { readonly kind: "answer"; readonly answer: object }
  /** Fields of the answer are replaced. */
  | { readonly kind: "fields"; readonly fields: Readonly<Record<string, unknown>> };

/** A lie in force. */
export interface Told {
  readonly lie: Lie;
  /** Left out: every call. */
  readonly when?: ((call: Call) => boolean) | undefined;
  hits: number;
}

/** Throws the error that the lie is, before the operation is carried out. */
export function deny(lie: Lie): void {
  const after = "retryAfter" in lie ? lie.retryAfter : undefined;
  const retry: Record<string, string> = after === undefined ? {} : { "retry-after": after };
  if (lie.kind === "error") throw new AwsError(lie.name, "as told", lie.status ?? 400, retry);
  if (lie.kind === "HTML")
    throw new AwsError("HTML", "<html><body>Service Unavailable</body></html>", lie.status, retry);
}

/** The answer, with what the lie makes of its content. */
export function falsify(answer: object, lie: Lie): object {
  if (lie.kind === "fields") return { ...answer, ...lie.fields };
  if (lie.kind !== "bit flip") return answer;
  const field = "Plaintext" in answer ? "Plaintext" : "CiphertextBlob";
  const value = (answer as Record<string, unknown>)[field];
  if (typeof value !== "string") return answer;
  const bytes = Buffer.from(value, "base64");
  bytes[bytes.length >> 1]! ^= 1;
  return { ...answer, [field]: bytes.toString("base64") };
}

/** Sends the answer, with what the lie makes of its way. */
export async function send(response: ServerResponse, status: number, body: Buffer, lie?: Lie): Promise<void> {
  if (lie?.kind === "hang") return;
  const half = body.subarray(0, body.length >> 1);
  const length = lie?.kind === "truncated JSON" ? half.length : body.length;
  response.writeHead(status, { "content-length": length });
  if (lie?.kind === "truncated JSON") return void response.end(half);
  if (lie?.kind === "truncated message") return void response.write(half, () => response.socket?.end());
  if (lie?.kind === "reset") return void response.write(half, () => response.socket?.resetAndDestroy());
  if (lie?.kind === "slow") return await drip(response, body, lie.everyMs);
  response.end(body);
}

async function drip(response: ServerResponse, body: Buffer, everyMs: number): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at++) {
    response.write(body.subarray(at, at + 1));
    await delay(everyMs);
  }
  response.end();
}
