// Keeps shares out of the SDK's strings: they go into a request, and out of an answer, as bytes that are wiped.
// The SDK parses an answer into strings, which nobody could wipe, and leaves what it sends and reads in shared memory.

import type { DecryptCommand, EncryptCommand } from "@aws-sdk/client-kms";
import { BrokerError } from "../../src/errors/index.ts";
import { allocate, copy, wipe } from "../../src/secret/index.ts";
import { decode, encodedLength, encodeInto } from "./base64.ts";

/** Longer answers are none of Decrypt's: its plaintext has at most 4,096 bytes. */
const maxAnswerBytes = 65_536;

/** What stands in a command where the plaintext will be. */
export function standInFor(material: Uint8Array): Uint8Array {
  return allocate(material.length);
}

/**
 * Has the command carry `material` in the place of its stand-in. The caller still owns `material`; the request's body is
 * wiped when the call has settled.
 */
export function carry(command: EncryptCommand, material: Uint8Array): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { body: string | Uint8Array };
      const body = withPlaintext(request.body, material);
      request.body = body;
      try {
        return await next(args);
      } finally {
        wipe(body);
      }
    },
    // After the command became JSON, before its body is hashed and signed.
    { step: "build", name: "keybrokerCarry", priority: "low" },
  );
}

function withPlaintext(json: string | Uint8Array, material: Uint8Array): Buffer {
  const body = copy(typeof json === "string" ? Buffer.from(json) : json);
  const start = Buffer.byteLength('"Plaintext":"');
  const field = Buffer.alloc(start + encodedLength(material.length) + 1, '"Plaintext":"');
  encodeInto(field, start, standInFor(material));
  field.fill('"', -1 + field.length);
  const place = body.indexOf(field);
  if (place === -1) throw new Error("the SDK wrote the command in an unknown form");
  encodeInto(body, place + start, material);
  return body;
}

/** Where an answer's plaintext comes to. */
export interface Taken {
  /** In a buffer of its own, which the caller wipes. */
  plaintext?: Buffer | undefined;
}

/** Takes the plaintext out of the answer before the SDK reads it; there it finds zeros. */
export function takeFrom(command: DecryptCommand): Taken {
  const taken: Taken = {};
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { statusCode: number; body: AsyncIterable<Uint8Array> | Uint8Array };
      if (response.statusCode === 200) response.body = await withoutPlaintext(response.body, taken);
      return result;
    },
    // Between the connection and the SDK's parser.
    { step: "deserialize", name: "keybrokerTake", priority: "low" },
  );
  return taken;
}

async function withoutPlaintext(body: AsyncIterable<Uint8Array> | Uint8Array, taken: Taken): Promise<Uint8Array> {
  const room = allocate(maxAnswerBytes);
  try {
    const answer = room.subarray(0, await collect(body, room));
    taken.plaintext = cutOut(answer);
    return Uint8Array.from(answer);
  } finally {
    wipe(room);
  }
}

async function collect(body: AsyncIterable<Uint8Array> | Uint8Array, room: Buffer): Promise<number> {
  let length = 0;
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    if (length + chunk.length > room.length) throw unreadable();
    room.set(chunk, length);
    length += chunk.length;
    wipe(chunk);
  }
  return length;
}

const field = Buffer.from('"Plaintext"');
const space = [0x20, 0x09, 0x0a, 0x0d];
const [colon, quote] = [0x3a, 0x22];

/**
 * The value of the JSON's one field `Plaintext`, of which zeros are left; undefined when there is none. Throws
 * PROVIDER_UNAVAILABLE when it is there twice or is no base64: the answer was spoiled on its way.
 */
export function cutOut(json: Buffer): Buffer | undefined {
  const place = json.indexOf(field);
  if (place === -1) return undefined;
  let start = place + field.length;
  for (const mark of [colon, quote]) {
    while (space.includes(json[start]!)) start++;
    if (json[start++] !== mark) throw unreadable();
  }
  const end = json.indexOf(quote, start);
  if (end === -1 || json.includes(field, end)) throw unreadable();
  const text = json.subarray(start, end);
  const plaintext = decode(text);
  text.fill(0x41);
  if (!plaintext) throw unreadable();
  return plaintext;
}

function unreadable(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "AWS KMS, or something before it, gave no readable answer");
}
