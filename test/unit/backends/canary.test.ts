// The canary scan finds what it is meant to find: a scan that misses proves nothing.

import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { findCanaries } from "../../backends/canary.ts";

const bytes = randomBytes(32);
const canaries = [{ name: "key", bytes }];
const scan = (hay: Buffer | string) => findCanaries(canaries, new Map([["log", Buffer.from(hay)]]));

test.each([0, 1, 2, 3, 4])("finds each form after %i other bytes", (before) => {
  const around = Buffer.concat([randomBytes(before), bytes, randomBytes(5)]);
  expect(scan(around)).toContain("key as raw in log");
  expect(scan(around.toString("hex"))).toContain("key as hex in log");
  expect(scan(around.toString("hex").toUpperCase())).toContain("key as upper-case hex in log");
  expect(scan(around.toString("base64")).join()).toContain("as base64 from");
  expect(scan(around.toString("base64url")).join()).toContain("as base64url from");
});

test("finds nothing where nothing is", () => {
  expect(scan(randomBytes(4096))).toEqual([]);
});
