// Answers that are not what Cloud KMS sent, or not answers to what was asked: none is believed.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checksum } from "../../../../providers/gcp-kms/integrity.ts";
import type { Lie } from "../../../fakes/gcp-kms/lies.ts";
import * as lying from "../../../fakes/gcp-kms/lying.ts";
import { invalid } from "../../../fakes/gcp-kms/refusal.ts";
import { binding, never, startBench, wrapped } from "./bench.ts";
import type { Bench } from "./bench.ts";

let bench: Bench;
beforeAll(async () => (bench = await startBench()));
afterAll(() => bench.stop());

test("the polynomial is Castagnoli's", () => {
  expect(checksum(Buffer.from("123456789"))).toEqual({ value: 0xe3069283 });
  expect(checksum(Buffer.alloc(0))).toEqual({ value: 0 });
});

const requestDamaged: Lie = {
  kind: "refuse",
  refusal: () => invalid("The checksum in field ciphertext_crc32c did not match the data in field ciphertext."),
};
const damages = Object.entries<Lie>({
  "a bit flip": lying.bitFlip,
  "a byte less": lying.shortened,
  "a wrong checksum": lying.wrongChecksum,
  "no checksum": lying.noChecksum,
  "a request that came damaged": requestDamaged,
});
const wrapDamages = Object.entries<Lie>({
  "an unverified plaintext": lying.plaintextUnverified,
  "an unverified associated data": lying.associatedDataUnverified,
  "another key's name": lying.anotherKey,
});

describe.each([...damages, ...wrapDamages])("%s in wrap's answer", (_, lie) => {
  test("is asked for again, and the good answer is taken", async () => {
    const { key } = await bench.key();
    await wrapped(key);
    const told = bench.fake.tell(lie, { methods: ["encrypt"], times: 2 });
    const { material, ...blob } = await wrapped(key);
    told.end();
    expect(told.hits()).toBe(2);
    const answer = await key.unwrap(blob.wrapped, blob.scheme, binding, never());
    expect(answer.material).toEqual(material);
  });

  test("is refused when it stays", async () => {
    const { key } = await bench.key();
    await wrapped(key);
    const told = bench.fake.tell(lie, { methods: ["encrypt"] });
    await expect(wrapped(key)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
    told.end();
    expect(told.hits()).toBe(3);
  });
});

describe.each(damages)("%s in unwrap's answer", (_, lie) => {
  test("is asked for again, and the good answer is taken", async () => {
    const { key } = await bench.key();
    const { material, ...blob } = await wrapped(key);
    const told = bench.fake.tell(lie, { methods: ["decrypt"], times: 2 });
    const answer = await key.unwrap(blob.wrapped, blob.scheme, binding, never());
    told.end();
    expect(answer.material).toEqual(material);
  });

  test("is refused when it stays", async () => {
    const { key } = await bench.key();
    const blob = await wrapped(key);
    const told = bench.fake.tell(lie, { methods: ["decrypt"] });
    const answer = key.unwrap(blob.wrapped, blob.scheme, binding, never());
    await expect(answer).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
    told.end();
    expect(told.hits()).toBe(3);
  });
});

test("a message cut off in a field is told as an outage", async () => {
  const { key } = await bench.key();
  const blob = await wrapped(key);
  const told = bench.fake.tell(lying.cutMessage);
  const answer = key.unwrap(blob.wrapped, blob.scheme, binding, never());
  await expect(answer).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
  await expect(wrapped(key)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
  told.end();
});

test("an INTERNAL for a tampered blob is never told as a bad envelope", async () => {
  const { key } = await bench.key();
  const blob = await wrapped(key);
  const told = bench.fake.tell({ kind: "refuse", refusal: () => Object.assign(new Error("x"), { code: 13 }) });
  const answer = key.unwrap(blob.wrapped, blob.scheme, binding, never());
  await expect(answer).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
  told.end();
});

describe("before the first wrap", () => {
  test("a server that ignores associated data is refused, and never sees the material", async () => {
    const { key } = await bench.key();
    const told = bench.fake.tell(lying.ignoresAssociatedData);
    const before = bench.fake.calls("encrypt");
    await expect(wrapped(key)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
    await expect(wrapped(key)).rejects.toThrow("under another binding");
    expect(bench.fake.calls("encrypt") - before, "only the bytes of the proof were wrapped").toBe(2);
    told.end();
    await wrapped(key);
  });

  test("a server without checksums is refused, and never sees the material", async () => {
    const { key } = await bench.key();
    const told = bench.fake.tell(lying.noChecksum);
    const before = bench.fake.calls("encrypt");
    await expect(wrapped(key)).rejects.toThrow("this is not Cloud KMS");
    expect(bench.fake.calls("encrypt") - before).toBe(3);
    told.end();
  });

  test("the proof is made once, however often a key is opened", async () => {
    const { stored, key } = await bench.key();
    const before = { encrypt: bench.fake.calls("encrypt"), decrypt: bench.fake.calls("decrypt") };
    await wrapped(key);
    await wrapped(await bench.masterKey(stored.name));
    expect(bench.fake.calls("encrypt") - before.encrypt).toBe(3);
    expect(bench.fake.calls("decrypt") - before.decrypt).toBe(1);
  });

  test("no proof is tried by who may only wrap", async () => {
    const { stored } = await bench.key();
    const key = await bench.masterKey(stored.name, await bench.open({ only: "wrap" }));
    const before = bench.fake.calls("decrypt");
    await wrapped(key);
    expect(bench.fake.calls("decrypt")).toBe(before);
  });
});
