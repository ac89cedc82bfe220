import { expect, test } from "vitest";
import { decode, seal } from "../../../src/envelope/index.ts";
import { sampleBranch } from "./sample.ts";

const hash = new Uint8Array(32);

test("an envelope of a branch key that was seen before decodes alike", () => {
  const branch = sampleBranch();
  const first = decode(seal(branch, Buffer.from("one"), hash));
  const second = decode(seal(branch, Buffer.from("two"), hash));
  for (const field of ["realm", "key", "branchHeader", "commitment", "h0", "recipients"] as const) {
    expect(second[field]).toEqual(first[field]);
  }
  expect(second.nonce).not.toEqual(first.nonce);
});

test("a known header does not change when the request it came in is wiped", () => {
  const branch = sampleBranch();
  const request = seal(branch, Buffer.from("one"), hash);
  decode(request);
  request.fill(0);
  const later = decode(seal(branch, Buffer.from("two"), hash));
  expect(Buffer.from(later.h0)).toEqual(Buffer.from(branch.h0));
  expect(Buffer.from(later.commitment)).toEqual(branch.commitment);
  expect(later.recipients[0]!.wrapped.some((byte) => byte !== 0)).toBe(true);
});

test("a header that differs in one byte is read anew, not taken for the known one", () => {
  const branch = sampleBranch();
  const bytes = seal(branch, Buffer.from("one"), hash);
  decode(bytes);
  const changed = Buffer.from(bytes);
  const at = branch.h0.length - 1;
  changed[at] = changed[at]! ^ 1;
  expect(Buffer.from(decode(changed).h0)[at]).toBe(changed[at]);
  expect(Buffer.from(decode(bytes).h0)[at]).toBe(bytes[at]);
});
