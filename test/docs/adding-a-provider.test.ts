// The page on adding a provider shows the toy's files as they are, all of them, and only what the interface has.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../backends/available.ts";
import { fileBlocks } from "./blocks.ts";

const toy = join(root, "test/toy-provider");
const page = readFileSync(join(root, "docs/adding-a-provider.md"), "utf8");
const contract = readFileSync(join(root, "src/provider/provider.ts"), "utf8");
const shown = fileBlocks(page);

test("it shows every file of the toy", () => {
  expect([...shown.keys()].sort()).toEqual(readdirSync(toy).sort());
});

test.each([...shown])("%s is shown as it is", (name, text) => {
  expect(text).toBe(readFileSync(join(toy, name), "utf8"));
});

test.each(["ProviderKind", "Provider", "MasterKey"])("its outline of %s has all parts, and no others", (name) => {
  const outline = new RegExp(`^interface ${name} {\\n([^]*?)^}`, "m").exec(page)![1]!;
  const whole = new RegExp(`^export interface ${name} {\\n([^]*?)^}`, "m").exec(contract)![1]!;
  const parts = (text: string) => [...text.matchAll(/^ {2}(?:readonly )?(\w+\??)[(:]/gm)].map(([, part]) => part!);
  expect(parts(outline).sort()).toEqual(parts(whole).sort());
});
