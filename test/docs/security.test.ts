// SECURITY.md: every row of what is defended names tests, and every test that it names exists.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../backends/available.ts";

const text = readFileSync(join(root, "SECURITY.md"), "utf8");

/** A test that the text names: a file, and the beginning of a name in it. */
interface Citation {
  readonly file: string;
  readonly title: string;
}

const citations = (words: string): Citation[] =>
  [...words.matchAll(/`(test\/[^`]+\.ts)` "([^"]+)"/g)].map(([, file, title]) => ({ file: file!, title: title! }));

/** What is wrong with a citation; undefined when the test is there. */
function fault({ file, title }: Citation): string | undefined {
  const path = join(root, file);
  if (!existsSync(path)) return `${file} is not there`;
  const source = readFileSync(path, "utf8");
  return ['"', "'", "`"].some((quote) => source.includes(quote + title)) ? undefined : `${file} has no "${title}"`;
}

const section = (heading: string) => text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
const rows = section("What is defended")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .slice(2);

describe("what is defended", () => {
  test("is a table of a length that makes sense", () => {
    expect(rows.length).toBeGreaterThan(15);
  });

  test.each(
    rows.map((row) => [
      row
        .split("|")
        .slice(1, 3)
        .map((cell) => cell.trim())
        .join(": "),
      row,
    ]),
  )("%s", (_, row) => {
    const named = citations(row);
    expect(named).not.toEqual([]);
    expect(named.map(fault).filter(Boolean)).toEqual([]);
  });

  test("a test that does not exist would be found", () => {
    const file = "test/docs/security.test.ts";
    expect(fault({ file: "test/none.test.ts", title: "a" })).toBe("test/none.test.ts is not there");
    expect(fault({ file, title: ["no", "such", "name"].join(" ") })).toContain("has no");
    expect(citations('`test/a.test.ts` "one", `test/b.ts` "two"')).toHaveLength(2);
  });
});

test("every test file that the text names anywhere exists", () => {
  const files = [...text.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file!);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test("what is not defended names all that was decided", () => {
  const said = section("What is not");
  for (const word of ["edits the configuration", "not fresh", "shredded", "FIPS", "quantum", "root"]) {
    expect(said.toLowerCase(), word).toContain(word.toLowerCase());
  }
});

test("no address is invented for reports", () => {
  expect(section("Reporting")).not.toMatch(/@|https?:/);
});
