// Writes a SessionRequest from requests that are encoded already: three times as fast as by reflection.

import { CallSchema } from "../proto/keybroker/v1/call_pb.ts";
import type { OperationName } from "./types.ts";

/** One Call of a frame. */
export interface FrameCall {
  /** A whole number from 1, below 2^53. */
  readonly id: number;
  readonly operation: OperationName;
  /** The operation's request message, encoded. */
  readonly request: Uint8Array;
  /** A whole number from 1. */
  readonly timeoutMs: number;
}

/** More than all that a Call has beside its request. */
export const callOverheadBytes = 48;

// A tag is the field's number, and 2 for what has a length or 0 for a varint
// (https://protobuf.dev/programming-guides/encoding/).
const lengthTag = (field: number): number => (field << 3) | 2;
const callsTag = lengthTag(1);
const idTag = 1 << 3;
const timeoutTag = lengthTag(CallSchema.field.timeout.number);
const secondsTag = 1 << 3;
const nanosTag = 2 << 3;
const operationTag = (name: OperationName): number => lengthTag(CallSchema.field[name].number);

/** Encodes a frame into memory of its own, off Node's pool: it may hold data keys, and the caller wipes it. */
export function encodeFrame(calls: readonly FrameCall[]): Buffer {
  const sizes = calls.map(callSize);
  const frame = Buffer.alloc(sizes.reduce((sum, size) => sum + 1 + varintSize(size) + size, 0));
  let at = 0;
  for (const [index, call] of calls.entries()) {
    at = putField(frame, at, callsTag, sizes[index]!);
    at = putCall(frame, at, call);
  }
  return frame;
}

function callSize(call: FrameCall): number {
  const request = call.request.length;
  return 1 + varintSize(call.id) + 1 + varintSize(request) + request + 2 + timeoutSize(call.timeoutMs);
}

function putCall(frame: Buffer, start: number, call: FrameCall): number {
  let at = putField(frame, start, idTag, call.id);
  at = putField(frame, at, operationTag(call.operation), call.request.length);
  frame.set(call.request, at);
  at = putField(frame, at + call.request.length, timeoutTag, timeoutSize(call.timeoutMs));
  at = putField(frame, at, secondsTag, secondsOf(call.timeoutMs));
  return putField(frame, at, nanosTag, nanosOf(call.timeoutMs));
}

const secondsOf = (timeoutMs: number): number => Math.floor(timeoutMs / 1000);
const nanosOf = (timeoutMs: number): number => (timeoutMs % 1000) * 1_000_000;

function timeoutSize(timeoutMs: number): number {
  return 2 + varintSize(secondsOf(timeoutMs)) + varintSize(nanosOf(timeoutMs));
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

function putField(frame: Buffer, start: number, tag: number, value: number): number {
  frame[start] = tag;
  let at = start + 1;
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) frame[at++] = (rest % 128) | 128;
  frame[at] = rest;
  return at + 1;
}
