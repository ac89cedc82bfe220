// docs/envelope.md against the code: its example, its numbers and its list of rows.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { contextHash, decode, isKeyName, isRealm, limits } from "../../../src/envelope/index.ts";
import { exampleSteps, exampleText } from "../../vectors/example.ts";
import { readGolden } from "../../vectors/vectors.ts";
import type { ValidJson } from "../../vectors/vectors.ts";

const document = readFileSync(new URL("../../../docs/envelope.md", import.meta.url), "utf8");
const plain = readGolden<ValidJson>("valid").find(([name]) => name === "plain")![1];
const steps = new Map(exampleSteps());

test("the worked example stands in the document, letter by letter", () => {
  expect(document).toContain(exampleText());
});

test("the example's steps lead to the golden vector", () => {
  expect((steps.get("envelope") as Buffer).toString("hex")).toBe(plain.envelope);
});

test("the product agrees with the example's steps", () => {
  const envelope = decode(steps.get("envelope") as Buffer);
  expect(Buffer.from(envelope.h0).equals(steps.get("H0") as Buffer)).toBe(true);
  expect(contextHash(plain.context).equals(steps.get("context hash") as Buffer)).toBe(true);
  expect([isRealm(envelope.realm), isKeyName(envelope.key)]).toEqual([true, true]);
});

test("every limit of the code stands in the document", () => {
  const numbers = document.match(/\d[\d,]*/g)!.map((number) => Number(number.replaceAll(",", "")));
  for (const [name, limit] of Object.entries(limits)) expect(numbers, name).toContain(limit);
});

test("every row is described", () => {
  for (let row = 1; row <= 18; row++) expect(document).toMatch(new RegExp(`^\\| ${row} +\\|`, "m"));
});
