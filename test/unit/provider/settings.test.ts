// Text and secrets in a configuration: references, what is refused, and where secrets go.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { provideVariable, secret, secretStamp, takeVariable, text } from "../../../src/provider/index.ts";

const folder = mkdtempSync(join(tmpdir(), "settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

function problemOf(schema: z.ZodType, value: unknown): string {
  const parsed = schema.safeParse(value);
  if (parsed.success) throw new Error("it was accepted");
  return parsed.error.issues.map(({ message }) => message).join("\n");
}

describe("text", () => {
  test("stands as it is", () => {
    expect(text().parse("eu-central-1")).toBe("eu-central-1");
    expect(text().parse("costs $5")).toBe("costs $5");
  });

  test("or is a variable's, as the whole value", () => {
    process.env["SETTINGS_REGION"] = "eu-central-1";
    expect(text().parse("${SETTINGS_REGION}")).toBe("eu-central-1");
    expect(problemOf(text(), "https://${SETTINGS_REGION}/")).toContain("must be the whole value");
  });

  test.each([
    ["is not set", undefined],
    ["is empty", ""],
  ])("an environment variable that %s is an error that names it", (words, value) => {
    delete process.env["SETTINGS_MISSING"];
    if (value !== undefined) process.env["SETTINGS_MISSING"] = value;
    expect(problemOf(text(), "${SETTINGS_MISSING}")).toBe(`the environment variable SETTINGS_MISSING ${words}`);
  });
});

describe("secret", () => {
  test.each(["hunter2", "", "$HUNTER2", "${HUNTER2}x", "file:relative/path", "file:", "FILE:/etc/x"])(
    "the literal %j is refused, and not repeated",
    (literal) => {
      const problem = problemOf(secret(), literal);
      expect(problem).toContain("a secret never stands here itself");
      if (literal.length > 5) expect(problem).not.toContain(literal);
    },
  );

  test("a variable leaves process.env at the first look, and is remembered for reloads", () => {
    process.env["SETTINGS_SECRET"] = "påss";
    const source = secret().parse("${SETTINGS_SECRET}");
    expect(process.env["SETTINGS_SECRET"]).toBeUndefined();
    expect(source.describe()).toBe("variable SETTINGS_SECRET");
    expect(source.read().toString()).toBe("påss");
    expect(secret().parse("${SETTINGS_SECRET}").read().toString()).toBe("påss");
  });

  test("every read is a copy of its own, outside Buffer's pool, for the reader to wipe", () => {
    process.env["SETTINGS_COPY"] = "secret";
    const source = secret().parse("${SETTINGS_COPY}");
    const read = source.read();
    expect(read.buffer.byteLength).toBe(read.length);
    read.fill(0);
    expect(source.read().toString()).toBe("secret");
  });

  test("a variable that is not set is an error that names it", () => {
    expect(problemOf(secret(), "${SETTINGS_UNSET}")).toBe("the environment variable SETTINGS_UNSET is not set");
  });

  test("a file is read as it stands at the time of reading, through memory of its own", () => {
    const path = fileOf("plain", "first\n");
    const source = secret().parse(`file:${path}`);
    expect(source.describe()).toBe(`file ${path}`);
    expect(source.read().toString()).toBe("first\n");
    fileOf("plain", "second");
    const read = source.read();
    expect(read.toString()).toBe("second");
    expect(read.buffer.byteLength).toBe(read.length);
  });

  test("a file has at most 64 KiB", () => {
    expect(
      secret()
        .parse(`file:${fileOf("full", Buffer.alloc(65_536))}`)
        .read(),
    ).toHaveLength(65_536);
    const source = secret().parse(`file:${fileOf("over", Buffer.alloc(65_537))}`);
    expect(() => source.read()).toThrow("has more than 64 KiB");
  });

  test("a file that is not there, a folder, and one that went away are errors that name it", () => {
    expect(problemOf(secret(), `file:${folder}/none`)).toBe(`the file ${folder}/none is not there`);
    expect(problemOf(secret(), `file:${folder}`)).toBe(`the file ${folder} is a folder`);
    const path = fileOf("gone", "x");
    const source = secret().parse(`file:${path}`);
    rmSync(path);
    expect(() => source.read()).toThrow(`the file ${path} cannot be read (ENOENT)`);
  });

  test("what JSON makes of it changes with the secret and does not hold it", () => {
    const path = fileOf("stamp", "one-secret");
    const source = secret().parse(`file:${path}`);
    const before = secretStamp(source);
    expect(secretStamp(secret().parse(`file:${path}`))).toBe(before);
    rmSync(path);
    fileOf("stamp", "two-secret");
    expect(secretStamp(source)).not.toBe(before);
    expect(JSON.stringify({ source })).toContain(path);
    expect(JSON.stringify({ source })).not.toContain("two-secret");
  });

  test("both have a JSON Schema, for editors", () => {
    const schema = z.toJSONSchema(z.strictObject({ region: text(), pin: secret() }), { io: "input" });
    expect(schema.properties).toMatchObject({ region: { type: "string" }, pin: { type: "string" } });
    const { pattern } = schema.properties!["pin"] as { pattern: string };
    expect(["${PIN}", "file:/run/pin", "1234"].map((value) => new RegExp(pattern, "u").test(value))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("variables handed over", () => {
  test("count before those of process.env, and are copied", () => {
    const bytes = Buffer.from("handed over");
    provideVariable("SETTINGS_HANDED", bytes);
    bytes.fill(0);
    expect(takeVariable("SETTINGS_HANDED")?.toString()).toBe("handed over");
    expect(secret().parse("${SETTINGS_HANDED}").read().toString()).toBe("handed over");
  });

  test("one that nobody set is undefined", () => {
    expect(takeVariable("SETTINGS_NOBODY")).toBeUndefined();
  });
});
