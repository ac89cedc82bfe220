// Validation that several operations share. Every failure is REQUEST_INVALID or ENVELOPE_REFUSED.

import { contextHash, decode, isKeyName } from "../envelope/index.ts";
import type { Context, Envelope } from "../envelope/types.ts";
import { BrokerError } from "../errors/index.ts";
import type { KeyConfiguration } from "../config/configuration.ts";
import type { Graph } from "./graph.ts";
import type { Subject } from "./operation.ts";

const maxDataKeyBytes = 65_536;

/** A request that names a key and brings a context. */
export interface KeyedSubject extends Subject {
  readonly keyName: string;
  readonly context: Context;
  readonly contextHash: Uint8Array;
}

/** A request that brings an envelope. */
export interface EnvelopeSubject extends Subject {
  readonly keyName: string;
  readonly envelope: Envelope;
  readonly envelopeBytes: Uint8Array;
  readonly grant: string;
}

/** A request that brings an envelope and its context. */
export type OpeningSubject = EnvelopeSubject & KeyedSubject;

/** Reads a key's name and a context. */
export function readKeyed(request: { key: string; context: Context }): KeyedSubject {
  const keyName = checkedKeyName(request.key);
  return { keyName, context: request.context, contextHash: contextHash(request.context) };
}

/** Reads an envelope; the subject's key is the one in it. */
export function readEnvelope(request: { envelope: Uint8Array; key?: string; grant?: string }): EnvelopeSubject {
  if (request.key) checkedKeyName(request.key);
  const envelope = decode(request.envelope);
  return { keyName: envelope.key, envelope, envelopeBytes: request.envelope, grant: request.grant ?? "" };
}

/** Reads an envelope and its context. */
export function readOpening(request: {
  envelope: Uint8Array;
  key: string;
  context: Context;
  grant?: string;
}): OpeningSubject {
  const { keyName, envelope, envelopeBytes, grant } = readEnvelope(request);
  const { context } = request;
  return { keyName, envelope, envelopeBytes, context, contextHash: contextHash(context), grant };
}

/** Refuses a data key that is empty or over 64 KiB. */
export function checkDataKey(plaintext: Uint8Array): void {
  if (plaintext.length > 0 && plaintext.length <= maxDataKeyBytes) return;
  const size = plaintext.length === 0 ? "empty" : `${plaintext.length} bytes`;
  throw new BrokerError("REQUEST_INVALID", `a data key has 1 to ${maxDataKeyBytes} bytes, this one is ${size}`);
}

/** Refuses a context that lacks what the key's configuration requires for new envelopes. */
export function checkRequiredContext(key: KeyConfiguration, context: Context): void {
  const missing = key.context.require.filter((name) => !Object.hasOwn(context, name));
  if (missing.length > 0) {
    throw new BrokerError("REQUEST_INVALID", `key ${key.name} requires in the context: ${missing.join(", ")}`);
  }
  if (key.context.required && Object.keys(context).length === 0) {
    throw new BrokerError("REQUEST_INVALID", `key ${key.name} requires a context: name what this data key is for`);
  }
}

/** Refuses an envelope of another key than the one the request names, if it names one. */
export function checkNamedKey(graph: Graph, key: KeyConfiguration, named: string): void {
  if (named === "" || named === key.name || graph.broker.key(named) === key) return;
  throw new BrokerError("ENVELOPE_REFUSED", `the envelope is not of key ${named}`);
}

/** A key's name, when it is one. Throws REQUEST_INVALID. */
export function checkedKeyName(name: string): string {
  if (isKeyName(name)) return name;
  const rule = "1 to 128 characters of a-z, 0-9, '.', '_', '/' and '-', with no empty, '.' or '..' segment";
  throw new BrokerError("REQUEST_INVALID", name === "" ? "the request names no key" : `a key's name has ${rule}`);
}
