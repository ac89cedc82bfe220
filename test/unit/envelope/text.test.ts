// The text form: one line that stands for one envelope and no other.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { fromText, toText } from "../../../src/envelope/index.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { sampleEnvelope } from "./sample.ts";

function refusal(text: string): string {
  try {
    fromText(text);
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    expect((error as BrokerError).reason).toBe("ENVELOPE_REFUSED");
    return (error as BrokerError).message;
  }
  throw new Error("the text was taken");
}

describe("the text form", () => {
  property.prop([fc.uint8Array({ minLength: 1, maxLength: 300 })])("fromText undoes toText", (bytes) => {
    const text = toText(bytes);
    expect(text).toMatch(/^kb1\.[A-Za-z0-9_-]+$/);
    expect(fromText(text).equals(bytes)).toBe(true);
  });

  property.prop([fc.string({ maxLength: 60 }), fc.boolean()])(
    "a text is refused, or it is the text of the bytes it gives",
    (body, prefixed) => {
      const text = prefixed ? `kb1.${body}` : body;
      const bytes = (() => {
        try {
          return fromText(text);
        } catch (error) {
          expect((error as BrokerError).reason).toBe("ENVELOPE_REFUSED");
          return undefined;
        }
      })();
      if (bytes !== undefined) expect(toText(bytes)).toBe(text);
    },
  );

  test("an envelope's text begins with what people recognise", () => {
    expect(toText(sampleEnvelope())).toMatch(/^kb1\.S0JFAQ/);
  });

  test.each(["\n", "\r\n", " ", "\t", "\u00a0", "\u2028"])("white space is refused, and said to be: %j", (space) => {
    const text = toText(sampleEnvelope());
    for (const spoilt of [text + space, space + text, text.slice(0, 40) + space + text.slice(40)]) {
      expect(refusal(spoilt)).toMatch(/no white space/);
    }
  });

  test.each(["", "kb1", "kb1.", "kb2.S0JF", "KB1.S0JF", "S0JFAQ", "kb1.S0JF=", "kb1.S0J+", "kb1.S0JFA", "kb1.S0JFAR"])(
    "%j is refused",
    (text) => {
      expect(refusal(text)).toMatch(/not a readable keybroker envelope/);
    },
  );

  test("every one-character change of a text gives another envelope or none", () => {
    const bytes = Buffer.from("envelope");
    const text = toText(bytes);
    for (let at = 4; at < text.length; at++) {
      for (const character of "AZaz09-_") {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        if (changed === text) continue;
        const read = (() => {
          try {
            return fromText(changed);
          } catch {
            return undefined;
          }
        })();
        expect(read?.equals(bytes) ?? false).toBe(false);
      }
    }
  });
});
