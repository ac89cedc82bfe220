// Floods: what a client that means harm sends, as bytes to say first and bytes to repeat.

import { gzipSync } from "node:zlib";
import {
  flags,
  frame,
  frames,
  grpcMessage,
  initialWindowSize,
  openCall,
  opening,
  preface,
  streamId,
} from "./http2-frames.ts";

/** What each connection of a flood does. */
export interface Flood {
  /** Connections at once, where a run does not say. */
  readonly connections: number;
  /** Written when connected. */
  readonly first: Buffer;
  /** Written again and again as fast as it is taken; nothing is, where it is missing. Rounds count from 0. */
  readonly again?: (round: number) => Buffer;
  /** Whether it reads what it is sent. */
  readonly reads: boolean;
  /** Whether a connection that ended is followed by another. */
  readonly comesBack: boolean;
}

const keys = "/keybroker.v1.KeyService";
const perRound = 200;

/** Streams that are opened in one round, numbered on from the round before. */
const calls = (round: number, one: (index: number) => Buffer, count = perRound) =>
  frames(count, (index) => one(round * count + index));

/** 16 MiB of zeros, in 16 KiB. */
const bomb = gzipSync(Buffer.alloc(16 << 20));

const flood = (parts: Partial<Flood>): Flood => ({
  connections: 4,
  first: opening(),
  reads: true,
  comesBack: true,
  ...parts,
});

/** Every flood by its name. */
export const floods = {
  "silent connections": flood({ connections: 240, first: Buffer.of() }),
  "preface only": flood({ connections: 240, first: preface }),
  "half a frame": flood({ connections: 240, first: opening().subarray(0, -3) }),
  "10,000 connections": flood({ connections: 10_000, first: opening(), comesBack: false }),
  "rapid reset": flood({
    again: (round) =>
      calls(round, (index) =>
        Buffer.concat([openCall(index, `${keys}/Wrap`), frame("reset", 0, streamId(index), Buffer.of(0, 0, 0, 8))]),
      ),
  }),
  "CONTINUATION frames": flood({
    first: Buffer.concat([opening(), frame("headers", 0, 1, Buffer.of())]),
    again: () => frames(perRound, () => frame("continuation", 0, 1, Buffer.alloc(0))),
  }),
  "large CONTINUATION frames": flood({
    first: Buffer.concat([opening(), frame("headers", 0, 1, Buffer.of())]),
    // A literal header field, 64 KiB of it at a time.
    again: () => frames(4, () => frame("continuation", 0, 1, Buffer.alloc(16_384, 0x41))),
  }),
  "PING frames": flood({ again: () => frames(1000, () => frame("ping", 0, 0, Buffer.alloc(8))) }),
  "PING frames, answers unread": flood({
    reads: false,
    again: () => frames(1000, () => frame("ping", 0, 0, Buffer.alloc(8))),
  }),
  "SETTINGS frames": flood({ again: () => frames(1000, () => frame("settings", 0, 0)) }),
  "SETTINGS frames, answers unread": flood({ reads: false, again: () => frames(1000, () => frame("settings", 0, 0)) }),
  "empty DATA": flood({
    first: Buffer.concat([opening(), openCall(0, `${keys}/Wrap`)]),
    again: () => frames(1000, () => frame("data", 0, 1)),
  }),
  "DATA of 1 byte": flood({
    first: Buffer.concat([
      opening(),
      openCall(0, `${keys}/Wrap`),
      frame("data", 0, 1, grpcMessage(Buffer.of(), { length: 4 << 20 })),
    ]),
    again: () => frames(1000, () => frame("data", 0, 1, Buffer.of(0))),
  }),
  "DATA of a stream that is not open": flood({ again: () => frames(1000, () => frame("data", 0, 9, Buffer.of(1))) }),
  "length prefix of 2 GiB": flood({
    again: (round) =>
      calls(round, (index) =>
        Buffer.concat([
          openCall(index, `${keys}/Unwrap`),
          frame("data", flags.endStream, streamId(index), grpcMessage(Buffer.of(0), { length: 0x7fffffff })),
        ]),
      ),
  }),
  "compression bombs": flood({
    again: (round) =>
      calls(
        round,
        (index) =>
          Buffer.concat([
            openCall(index, `${keys}/Wrap`, { "grpc-encoding": "gzip" }),
            frame("data", 0, streamId(index), grpcMessage(bomb, { compressed: true }).subarray(0, 16_000)),
            frame("data", flags.endStream, streamId(index), grpcMessage(bomb, { compressed: true }).subarray(16_000)),
          ]),
        4,
      ),
  }),
  "unknown methods": flood({
    again: (round) =>
      calls(round, (index) =>
        Buffer.concat([
          openCall(index, `/no.such.Service${index % 1000}/Method`),
          frame("data", flags.endStream, streamId(index), grpcMessage(Buffer.of())),
        ]),
      ),
  }),
  "malformed messages": flood({
    again: (round) =>
      calls(round, (index) =>
        Buffer.concat([
          openCall(index, `${keys}/Wrap`),
          frame("data", flags.endStream, streamId(index), grpcMessage(Buffer.alloc(64, 0xff))),
        ]),
      ),
  }),
  "slow readers": flood({
    connections: 32,
    // Windows of one byte: answers wait for WINDOW_UPDATEs that do not come.
    first: opening([initialWindowSize, 1]),
    reads: false,
    again: (round) =>
      round > 0
        ? Buffer.of()
        : calls(
            0,
            (index) =>
              Buffer.concat([
                openCall(index, `${keys}/Wrap`),
                frame("data", flags.endStream, streamId(index), grpcMessage(Buffer.of(0x0a, 1, 0x61))),
              ]),
            100,
          ),
  }),
  "half messages of 4 MiB": flood({
    connections: 4,
    first: Buffer.concat([
      opening(),
      frames(100, (index) =>
        Buffer.concat([
          openCall(index, `${keys}/Wrap`),
          frame("data", 0, streamId(index), grpcMessage(Buffer.of(), { length: 4 << 20 })),
        ]),
      ),
    ]),
    again: (round) => (round < 2000 ? frame("data", 0, streamId(round % 100), Buffer.alloc(600)) : Buffer.of()),
  }),
} satisfies Record<string, Flood>;

/** The names of the floods. */
export type FloodName = keyof typeof floods;
