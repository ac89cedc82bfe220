// The small parts of the command line: pairs, durations, encodings, lines.

import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { durationMs } from "../../../src/cli/duration.ts";
import { base64url, hex, isPrintable, joined, line } from "../../../src/cli/encoding.ts";
import { failureOf, oneLine } from "../../../src/cli/failure.ts";
import { contextOf, environmentOf, splitPairs } from "../../../src/cli/pairs.ts";
import { facts, table } from "../../../src/cli/table.ts";
import { BrokerError } from "../../../src/errors/index.ts";

const bytes = fc.uint8Array({ maxLength: 200 });

describe("encodings", () => {
  test.prop([bytes])("hex and base64url are Node's, without a string", (data) => {
    expect(hex(data).toString()).toBe(Buffer.from(data).toString("hex"));
    expect(base64url(data).toString()).toBe(Buffer.from(data).toString("base64url"));
  });

  test.prop([fc.array(bytes)])("joined is concat, in memory of its own", (parts) => {
    const whole = joined(...parts);
    expect(whole).toEqual(Buffer.concat(parts));
    expect(whole.buffer.byteLength).toBe(whole.length);
  });

  test.prop([bytes, fc.constantFrom("hex", "base64url" as const)])(
    "a line is one line of [A-Za-z0-9_-]",
    (data, format) => {
      expect(line(data, format, "auto").toString()).toMatch(/^[A-Za-z0-9_-]*\n$/);
      expect(line(data, format, "never").toString()).toMatch(/^[A-Za-z0-9_-]*$/);
    },
  );

  test.prop([fc.string({ unit: "binary", minLength: 1 })])("printable is what has no control character", (text) => {
    const wellFormed = text.isWellFormed();
    const printable = !/[\p{Cc}\u2028\u2029]/u.test(text);
    if (wellFormed) expect(isPrintable(Buffer.from(text))).toBe(printable);
  });

  test.prop([bytes])("what is no UTF-8 is not printable", (data) => {
    const decoded = Buffer.from(Buffer.from(data).toString("utf8"));
    if (!decoded.equals(data)) expect(isPrintable(data)).toBe(false);
  });

  test.prop([bytes])("a raw line is the data key or refused, and never several lines", (data) => {
    let printed: Buffer;
    try {
      printed = line(data, "raw", "auto");
    } catch (error) {
      expect(failureOf(error).exit).toBe(1);
      return;
    }
    expect(printed).toEqual(Buffer.from(data));
    expect(printed.subarray(0, -1).includes(10)).toBe(false);
  });
});

describe("pairs", () => {
  const value = fc.string().filter((text) => !text.includes("\uFFFD"));
  const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll(",", "\\,");

  test.prop([fc.array(value, { minLength: 1 })])("a variable's list is undone by its escapes", (values) => {
    expect(splitPairs(values.map(escaped).join(","))).toEqual(values);
  });

  test.each(["a=\\b", "a=b\\"])("%j has an escape that means nothing", (text) => {
    expect(() => splitPairs(text)).toThrow("in a list write");
  });

  test("a value may hold =, be empty, and hold any character", () => {
    expect(contextOf(["a=", "b==", "c=ü \n"])).toEqual({ a: "", b: "=", c: "ü \n" });
  });

  test.each([["=x"], ["x"], [""], ["Ä=1"], ["a b=1"], [`${"a".repeat(65)}=1`], ["a=\ud800"]])(
    "%j is no pair",
    (pair) => {
      expect(() => contextOf([pair])).toThrow();
    },
  );

  test.each([[["1A=f"]], [["A="]], [["A=f", "A=g"]], [["A-B=f"]]])("%j is no environment", (pairs) => {
    expect(() => environmentOf(pairs)).toThrow();
  });
});

describe("durations", () => {
  test.each([
    ["1ms", 1],
    ["30s", 30_000],
    ["5m", 300_000],
    ["24h", 86_400_000],
  ])("%s", (text, milliseconds) => {
    expect(durationMs(text)).toBe(milliseconds);
  });

  test.each(["", "0s", "5", "s", "1.5s", "-1s", "25h", "1d", "1s ", "1e3ms", "9999999999s"])("%j is none", (text) => {
    expect(() => durationMs(text)).toThrow("is no duration");
  });
});

describe("texts", () => {
  test.prop([fc.string()])("oneLine has no control character", (text) => {
    expect(oneLine(text)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  });

  test("a table's columns are aligned, and facts without a value left out", () => {
    expect(
      table(
        ["A", "B"],
        [
          ["long", "x"],
          ["y", ""],
        ],
      ),
    ).toBe("A     B\nlong  x\ny\n");
    expect(
      facts([
        ["a", "1"],
        ["b", ""],
      ]),
    ).toBe("a: 1\n");
  });

  test("every error has an exit status", () => {
    expect(failureOf(new BrokerError("ENVELOPE_REFUSED", "no"))).toMatchObject({ exit: 4, reason: "ENVELOPE_REFUSED" });
    expect(failureOf(new Error("x"))).toMatchObject({ exit: 1, message: "x" });
    expect(failureOf("text")).toMatchObject({ exit: 1, message: "text" });
  });
});
