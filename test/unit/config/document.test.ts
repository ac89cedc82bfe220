import { describe, expect, it } from "vitest";
import { parseDocument } from "../../../src/config/document.ts";

const faults = (text: string) =>
  parseDocument(text).problems.map(({ finding, line, column }) => `${line}:${column} ${finding.message}`);

describe("YAML", () => {
  it("gives plain values and their places", () => {
    const { value, problems, locate } = parseDocument('a:\n  b: [x, "2", 3]\n  c: true # words\nd: null\n');
    expect(problems).toEqual([]);
    expect(value).toEqual({ a: { b: ["x", "2", 3], c: true }, d: null });
    expect(locate(["a", "b", 2])).toMatchObject({ line: 2, column: 15 });
    expect(locate(["a", "c"], true)).toMatchObject({ line: 3, column: 3 });
    expect(locate(["a", "c"])).toMatchObject({ line: 3, column: 6 });
  });

  it("has the place of what is missing at its parent's name", () => {
    const { locate } = parseDocument("a:\n  b:\n    c: 1\n");
    expect(locate(["a", "b", "zzz"])).toMatchObject({ line: 2, column: 3 });
    expect(locate(["zzz"])).toMatchObject({ line: 1, column: 1 });
  });

  it.each([
    ["a tab in the indentation", "a:\n\tb: 1\n", ["2:1 a tab: use spaces"]],
    ["a tab after a colon", "a:\t1\n", ["1:3 a tab: use spaces"]],
    ["a name that stands twice", "a: 1\nb: 2\na: 3\n", ["3:1 this name stands here twice: keep one"]],
    ["a name that stands twice on one line", "a: { b: 1, b: 2 }\n", ["1:12 this name stands here twice: keep one"]],
    [
      "an anchor and its alias",
      "a: &x { b: 1 }\nc: *x\n",
      [
        "1:7 anchors (&name) are not allowed: write the value out",
        "2:4 aliases (*name) are not allowed: write the value out",
      ],
    ],
    ["a merge key", "<<: { a: 1 }\n", ["1:1 aliases and merge keys (<<) are not allowed: write it out"]],
    ["a name that is a number", 'a: { 1: x, "2": z }\n', ['1:6 a name must be a text: write "1" in quotes']],
    ["a name that is true", "true: x\n", ["1:1 a name must be a text: write it in quotes"]],
    ["a name that is a list", "? [a]\n: 1\n", ["1:3 a name must be a text: write it in quotes"]],
    ["a name that objects inherit from", "__proto__: { polluted: true }\n", ['1:1 "__proto__" is not a name']],
    ["a tag", "a: !!binary aGk=\n", ["1:13 tags (!name) are not allowed"]],
    ["a second document", "a: 1\n---\nb: 2\n", ["2:1 a second document begins here: one file is one document"]],
    ["a %YAML line", "%YAML 1.1\n---\na: 1\n", ["1:1 remove the %YAML line: the file is read as YAML 1.2"]],
    ["a control character", "a: b\u0007c\n", ["1:5 a control character (U+0007): remove it"]],
    ["a line separator", "a: b\u2028c\n", ["1:5 a control character (U+2028): remove it"]],
    ["a NUL", "a: \u0000\n", ["1:4 a control character (U+0000): remove it"]],
    ["nothing", "", ["1:1 the file says nothing"]],
    ["nothing but comments", "# words\n\n# more\n", ["1:1 the file says nothing"]],
  ])("is refused with %s", (_, text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  it.each(["yes", "No", "on", "OFF", "y", "n", "0660", "0o17", "12:30", "1_000", "2026-01-02"])(
    "is refused where readers differ on a plain %s, and read where it is quoted",
    (word) => {
      expect(faults(`a: ${word}\n`)).toEqual([expect.stringMatching(/^1:4 .*readers/)]);
      expect(faults(`${word}: 1\n`)).toEqual([expect.stringMatching(/^1:1 /)]);
      expect(parseDocument(`a: "${word}"\n`)).toMatchObject({ value: { a: word }, problems: [] });
    },
  );

  it.each([
    "0.0.0.0:7443",
    "10m",
    "yes-man",
    "::1",
    "1.5",
    "prod-2025",
    "arn:aws:kms:eu-central-1:111122223333:key/5c1e",
  ])("takes %s without quotes", (word) => {
    expect(faults(`a: ${word}\n`)).toEqual([]);
  });

  it("with a tab in a comment is read", () => {
    expect(faults("a: 1 # here\tis one\n")).toEqual([]);
  });

  it("with Windows' line ends is read", () => {
    expect(parseDocument("a: 1\r\nb: 2\r\n")).toMatchObject({ value: { a: 1, b: 2 }, problems: [] });
  });

  it("says how to write a reference inside braces", () => {
    const [first] = faults("k: { a: ${X} }\n");
    expect(first).toMatch(/^1:10 this is not YAML: .*write a reference in quotes: "\$\{NAME\}"/);
  });

  it("tells of one fault on a broken line once", () => {
    expect(faults("a: [1, 2\nb: }\n").length).toBeLessThanOrEqual(2);
    expect(faults("k: { a: ${X} }\n")).toHaveLength(1);
  });

  it("is refused when it is nested too deeply, however deeply", () => {
    expect(faults(`${"[".repeat(50_000)}\n`)).toEqual([expect.stringMatching(/nested too deeply/)]);
    const fifty = `${"{ a: ".repeat(50)}1${" }".repeat(50)}\n`;
    expect(faults(fifty)).toEqual([expect.stringMatching(/nested too deeply/)]);
  });

  it("with twenty thousand names is read in a moment, and its one double name found", () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `n${i}: 1\n`).join("");
    expect(faults(`${names}n5: 1\n`)).toEqual(["20001:1 this name stands here twice: keep one"]);
  });
});
