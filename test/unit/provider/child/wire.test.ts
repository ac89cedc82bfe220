// Settings and errors on their way: what arrives is what was sent, and secrets stay out of the JSON.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { BrokerError } from "../../../../src/errors/index.ts";
import { packError, unpackError } from "../../../../src/provider/child/errors.ts";
import { packSettings, plainOf, unpackSettings } from "../../../../src/provider/child/settings.ts";
import { provideVariable, secret } from "../../../../src/provider/index.ts";
import type { SecretSource } from "../../../../src/provider/index.ts";

provideVariable("WIRE_SECRET", Buffer.from("hunter2"));
const source = secret().parse("${WIRE_SECRET}");

/** Settings, with the paths of the secrets in them. */
const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    fc.constant(source),
    fc.string(),
    fc.boolean(),
    fc.integer(),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__")), tie("node"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).node;

function crossed(settings: unknown): unknown {
  const { packed, bytes } = packSettings(settings);
  const text = JSON.stringify(packed);
  expect(text).not.toContain("hunter2");
  return unpackSettings(JSON.parse(text) as typeof packed, bytes).settings;
}

/** Secrets read, so that trees can be compared. */
function revealed(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { describe: words, read } = value as Partial<SecretSource>;
  if (typeof read === "function") return ["secret", words!(), read().toString(), JSON.stringify(value)];
  if (Array.isArray(value)) return value.map(revealed);
  return Object.entries(value).map(([name, inner]) => [name, revealed(inner)]);
}

property.prop([tree])("settings arrive as they were, with their secrets", (settings) => {
  expect(revealed(crossed(settings))).toEqual(revealed(settings));
});

describe("secrets in a child", () => {
  test("are read as often as one likes, each time a copy for the reader to wipe, until the end", () => {
    const { packed, bytes } = packSettings({ pin: source });
    const unpacked = unpackSettings(packed, bytes);
    for (const sent of bytes) sent.fill(0);
    const { pin } = unpacked.settings as { pin: SecretSource };
    const read = pin.read();
    expect([read.toString(), read.buffer.byteLength]).toEqual(["hunter2", 7]);
    read.fill(0);
    expect(pin.read().toString()).toBe("hunter2");
    unpacked.wipe();
    expect(pin.read()).toEqual(Buffer.alloc(7));
  });

  test("that are gone are an error, and those read before are wiped", () => {
    const kept: Buffer[] = [];
    const first = { ...source, read: () => (kept.push(source.read()), kept[0]!) };
    const second = {
      ...source,
      read: () => {
        throw new BrokerError("REQUEST_INVALID", "it is gone");
      },
    };
    expect(() => packSettings({ first, second })).toThrow("it is gone");
    expect(kept[0]).toEqual(Buffer.alloc(7));
  });

  test("are no part of a reference", () => {
    expect(() => plainOf({ pin: source })).toThrow("pin is a secret");
  });
});

describe("errors", () => {
  test("of ours arrive by reason, message and delay", () => {
    const cause = Object.assign(new TypeError("hunter2"), { code: "ERR_X" });
    const packed = packError(new BrokerError("KEY_DISABLED", "it is disabled", { retryAfterMs: 5, cause }));
    expect(JSON.stringify(packed)).not.toContain("hunter2");
    const error = unpackError(JSON.parse(JSON.stringify(packed)), "acme");
    expect(error).toBeInstanceOf(BrokerError);
    expect(error).toMatchObject({ reason: "KEY_DISABLED", message: "it is disabled", retryAfterMs: 5 });
    expect(error.cause).toMatchObject({ name: "TypeError", code: "ERR_X" });
  });

  test("of others arrive without their message, also where it looks like a frame of the stack", () => {
    const sly = new Error("hunter2\n    at hunter2 (file:///hunter2.js:1:1)");
    const error = unpackError(packError(sly), "acme");
    expect(error.stack).toContain("wire.test.ts:");
    expect(error.stack).not.toContain("hunter2");
    expect(unpackError(packError("hunter2"), "acme").stack).not.toContain("hunter2");
  });

  property.prop([fc.anything()])("whatever a child says of one, an error is made", (said) => {
    expect(unpackError(said, "acme")).toBeInstanceOf(Error);
  });

  test.each([{ reason: "toString", message: "x" }, { reason: 5, message: "x" }, { reason: "DENIED" }, null, {}])(
    "with %j for a reason is none of ours",
    (said) => {
      expect(unpackError(said, "acme")).not.toBeInstanceOf(BrokerError);
    },
  );
});
