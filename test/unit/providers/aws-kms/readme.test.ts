// The README's table of what goes wrong quotes messages as the code says them.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../backends/available.ts";

const read = (pattern: string) =>
  globSync(pattern, { cwd: root }).map((path) => readFileSync(join(root, path), "utf8"));
const code = read("{providers/aws-kms,src/{broker,envelope,operations}}/*.ts").join("\n");
const [readme = ""] = read("providers/aws-kms/README.md");
const table = readme.slice(readme.indexOf("## What goes wrong"));
const symptoms = [...table.matchAll(/^\| `([^`]+)` /gm)].map(([, symptom]) => symptom!);

test("there are symptoms", () => {
  expect(symptoms.length).toBeGreaterThan(15);
});

test.each(symptoms)("%s", (symptom) => {
  // A message is put together from parts: where it is, each part stands by itself.
  const parts = symptom.split(/: |, (?=and this)| ?\(…\)| ?…/).filter((part) => part.length > 3);
  for (const part of parts) expect(code).toContain(part);
});
