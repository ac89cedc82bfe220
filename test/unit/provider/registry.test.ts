// Finding provider kinds: ours, and those of npm modules.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { firstPartyKinds, loadKind } from "../../../src/provider/index.ts";
import { createFaultyProvider } from "../../fakes/faulty-provider.ts";

const folder = mkdtempSync(join(tmpdir(), "registry-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A module whose default export is an honest kind but for the changes, which are JavaScript. */
function moduleOf(name: string, changes: string): string {
  const path = join(folder, `${name}.mjs`);
  const schema = "{ safeParse() {} }";
  const honest = `kind: "acme", number: 200, schemes: [1], settings: ${schema}, reference: ${schema}, open() {}`;
  writeFileSync(path, `export default { ${honest}, ${changes} };`);
  return pathToFileURL(path).href;
}

describe("first-party kinds", () => {
  test("each folder of providers/ is one, under its own name, and no two share a number", async () => {
    const folders = readdirSync("providers", { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...firstPartyKinds].sort());
    const kinds = await Promise.all(firstPartyKinds.map((kind) => loadKind({ kind })));
    expect(kinds.map(({ kind }) => kind)).toEqual(firstPartyKinds);
    expect(new Set(kinds.map(({ number }) => number)).size).toBe(kinds.length);
    expect(kinds.every(({ number }) => number >= 1 && number <= 127)).toBe(true);
  });

  test("each has a README", () => {
    for (const kind of firstPartyKinds) expect(readFileSync(`providers/${kind}/README.md`, "utf8")).toContain(kind);
  });

  test.each(["nope", "toString", "__proto__", ""])("there is none called %j", async (kind) => {
    await expect(loadKind({ kind })).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
    await expect(loadKind({ kind })).rejects.toThrow(`there is no provider kind "${kind}"`);
  });
});

describe("kinds of npm modules", () => {
  test("are the module's default export", async () => {
    const kind = await loadKind({ kind: "acme", module: moduleOf("honest", "") });
    expect(kind.number).toBe(200);
  });

  test.each([
    ["another name", `kind: "other"`, "its kind has another name"],
    ["a first-party number", "number: 127", "not within 128 and 255"],
    ["a number beyond a byte", "number: 256", "not within 128 and 255"],
    ["no number", "number: undefined", "not within 128 and 255"],
    ["no schemes", "schemes: []", "schemes"],
    ["a scheme beyond a byte", "schemes: [1, 256]", "schemes"],
    ["settings that are no schema", "settings: {}", "no zod schema"],
    ["no reference", "reference: undefined", "no zod schema"],
    ["no open", "open: undefined", "no open function"],
  ])("with %s are refused", async (name, changes, fault) => {
    const module = moduleOf(name.replaceAll(" ", "-"), changes);
    await expect(loadKind({ kind: "acme", module })).rejects.toThrow(fault);
    await expect(loadKind({ kind: "acme", module })).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
  });

  test("that are not installed, or export nothing, are told as such", async () => {
    await expect(loadKind({ kind: "acme", module: "no-such-module" })).rejects.toThrow("is it installed?");
    const path = join(folder, "empty.mjs");
    writeFileSync(path, "export const kind = 1;");
    const module = pathToFileURL(path).href;
    await expect(loadKind({ kind: "acme", module })).rejects.toThrow("it is no object");
  });

  test("the fake of these tests would pass", () => {
    const { kind } = createFaultyProvider();
    expect(kind.number).toBeGreaterThanOrEqual(128);
  });
});

describe("where a module's providers run", () => {
  test("is a child process, unless the configuration says the daemon", async () => {
    const module = moduleOf("where", "open() { return { pid: process.pid, close() {} }; }");
    const here = await loadKind({ kind: "acme", module, process: "daemon" });
    expect(await here.open({} as never)).toMatchObject({ pid: process.pid });
    const kind = await loadKind({ kind: "acme", module });
    const provider = await kind.open({} as never);
    expect(provider).not.toHaveProperty("pid");
    await provider.close();
  });
});
