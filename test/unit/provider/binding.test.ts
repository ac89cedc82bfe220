// The binding: one byte form for each set of facts, and the same facts as pairs.

import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { bindingOf } from "../../../src/provider/binding.ts";
import type { BindingFacts } from "../../../src/provider/binding.ts";

const facts: BindingFacts = {
  suite: 1,
  realm: "prod",
  key: "backups/db",
  branchId: Buffer.from("000102030405060708090a0b0c0d0eff", "hex"),
  share: 2,
  threshold: 2,
  recipients: 3,
};

const anyFacts: fc.Arbitrary<BindingFacts> = fc.record({
  suite: fc.nat(255),
  realm: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,10}$/),
  key: fc.stringMatching(/^[a-z0-9._/-]{1,12}$/),
  branchId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  share: fc.integer({ min: 1, max: 8 }),
  threshold: fc.integer({ min: 1, max: 8 }),
  recipients: fc.integer({ min: 1, max: 8 }),
});

test("the byte form, letter by letter", () => {
  expect(bindingOf(facts).bytes.toString("latin1")).toBe(
    "keybroker/1;suite=1;realm=prod;key=backups/db;branch=000102030405060708090a0b0c0d0eff;share=2/2/3",
  );
});

test("the pairs, for backends that take a map", () => {
  expect(bindingOf(facts).pairs).toEqual({
    keybroker: "1",
    suite: "1",
    realm: "prod",
    key: "backups/db",
    branch: "000102030405060708090a0b0c0d0eff",
    share: "2/2/3",
  });
});

property.prop([anyFacts])("the facts can be read back from the bytes: no two share one form", (any) => {
  const form = /^keybroker\/1;suite=(\d+);realm=([^;]+);key=([^;]+);branch=([0-9a-f]{32});share=(\d)\/(\d)\/(\d)$/;
  const [, suite, realm, key, branch, ...share] = form.exec(bindingOf(any).bytes.toString("latin1"))!;
  expect([Number(suite), realm, key, branch, ...share.map(Number)]).toEqual([
    any.suite,
    any.realm,
    any.key,
    Buffer.from(any.branchId).toString("hex"),
    any.share,
    any.threshold,
    any.recipients,
  ]);
});

property.prop([anyFacts])("bytes and pairs say the same", (any) => {
  const { bytes, pairs } = bindingOf(any);
  const joined = Object.entries(pairs).map(([name, value]) => `${name}${name === "keybroker" ? "/" : "="}${value}`);
  expect(bytes.toString("latin1")).toBe(joined.join(";"));
});

test("a provider cannot change what others are given", () => {
  const { pairs } = bindingOf(facts);
  expect(() => Object.assign(pairs, { key: "other" })).toThrow(TypeError);
});

test("later changes of the branch id's buffer do not reach it", () => {
  const branchId = Buffer.from(facts.branchId);
  const binding = bindingOf({ ...facts, branchId });
  branchId.fill(0);
  expect(binding.bytes.equals(bindingOf(facts).bytes)).toBe(true);
});
