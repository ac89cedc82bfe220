// What a configuration may say of a token and its keys; the table of answers; names of keys.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { meaningOf, nameOf } from "../../../../providers/pkcs11/device/errors.ts";
import { masterKeyIdOf } from "../../../../providers/pkcs11/device/master-key.ts";
import pkcs11 from "../../../../providers/pkcs11/index.ts";
import { provideVariable } from "../../../../src/provider/index.ts";
import { answer } from "./fake-token.ts";

provideVariable("PKCS11_TEST_PIN", Buffer.from("1234"));
const least = { library: "/opt/hsm.so", tokenSerial: "0a1b", pin: "${PKCS11_TEST_PIN}" };

describe("settings", () => {
  test("have defaults", () => {
    expect(pkcs11.settings.parse(least)).toMatchObject({ maxSessions: 8, killAfter: 5_000 });
  });

  test.each([
    [{ library: "hsm.so" }, "absolute path"],
    [{ tokenSerial: undefined }, "tokenSerial or tokenLabel"],
    [{ pin: "1234" }, "a secret never stands here itself"],
    [{ slot: 0 }, "slot"],
    [{ killAfter: "1ms" }, "from 100ms to 10m"],
    [{ maxSessions: 0 }, ""],
    [{ environment: { "A B": "x" } }, ""],
  ])("refuse %j", (change, words) => {
    const { success, error } = pkcs11.settings.safeParse({ ...least, ...change });
    expect(success).toBe(false);
    expect(JSON.stringify(error!.issues)).toContain(words);
    expect(JSON.stringify(error!.issues)).not.toContain("1234");
  });

  test.each([
    { killAfter: "500ms" },
    { killAfter: "2m" },
    { tokenSerial: undefined, tokenLabel: "backups" },
    { pin: undefined },
  ])("take %j", (change) => expect(pkcs11.settings.safeParse({ ...least, ...change }).success).toBe(true));
});

describe("references", () => {
  test.each([
    [{ label: "k" }, true],
    [{ id: "0a" }, true],
    [{ label: "k", id: "0a1b", scheme: "gcm" }, true],
    [{}, false],
    [{ id: "A" }, false],
    [{ id: "0A" }, false],
    [{ label: "k", slot: 1 }, false],
    [{ label: "k", scheme: "cbc" }, false],
    [{ label: "k", scheme: "rsa-oaep" }, false],
    [{ label: "k", scheme: "rsa-oaep", allowUnauthenticatedWrap: true }, true],
    [{ label: "k", allowUnauthenticatedWrap: false }, false],
  ])("%j: %s", (reference, fits) => {
    expect(pkcs11.reference.safeParse(reference).success).toBe(fits);
  });
});

describe("answers of the library", () => {
  test.each([
    [0x05, "unclear", "CKR_GENERAL_ERROR"],
    [0x40, "refused", "CKR_ENCRYPTED_DATA_INVALID"],
    [0x68, "disabled", "CKR_KEY_FUNCTION_NOT_PERMITTED"],
    [0x82, "lost", "CKR_OBJECT_HANDLE_INVALID"],
    [0xa0, "pin", "CKR_PIN_INCORRECT"],
    [0xb1, "busy", "CKR_SESSION_COUNT"],
    [0x80000042, "unclear", "CKR 0x80000042"],
  ])("%i is %s", (code, meaning, name) => {
    expect(meaningOf(answer(code))).toBe(meaning);
    expect(nameOf(answer(code))).toBe(name);
  });

  test("other errors are none", () => {
    for (const other of [new Error("x"), new TypeError("x"), Object.assign(new Error("x"), { code: 5 })])
      expect(meaningOf(other)).toBeUndefined();
  });

  property.prop([fc.nat(0xffffffff)])("none is a refusal for sure but those that say so", (code) => {
    const sure = [0x21, 0x40, 0x41, 0x42, 0x110, 0x112];
    expect(meaningOf(answer(code)) === "refused").toBe(sure.includes(code));
  });
});

describe("master-key ids", () => {
  property.prop([fc.string({ minLength: 1, maxLength: 16 }), fc.uint8Array({ minLength: 1, maxLength: 32 })])(
    "are of one token and one key",
    (serial, id) => {
      fc.pre(serial.isWellFormed());
      const named = masterKeyIdOf(serial, Buffer.from(id).toString("hex"));
      const [, one, other] = /^pkcs11:serial=([^;]*);id=([^;]*)$/.exec(named)!;
      expect(decodeURIComponent(one!)).toBe(serial);
      expect(other!.replaceAll("%", "")).toBe(Buffer.from(id).toString("hex"));
    },
  );
});
