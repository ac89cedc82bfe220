// A wrong PIN is tried once: by the device, by a child started anew, by doctor.

import { describe, expect, test } from "vitest";
import { CKA, CKF } from "../../../../providers/pkcs11/device/cryptoki.ts";
import { latched } from "../../../../providers/pkcs11/latch.ts";
import type { Provider } from "../../../../src/provider/index.ts";
import { deviceOf, failureOf, findingsOf, never, pinOf, roundTrip } from "./bench.ts";
import { aesKey, fakeToken } from "./fake-token.ts";
import type { Habits } from "./fake-token.ts";

const tokenOf = (changes: Partial<Habits> = {}) => fakeToken([aesKey("k", "0a", [CKA.WRAP, CKA.UNWRAP])], changes);
const asked = { label: "k" };

describe("a wrong PIN", () => {
  test("is tried once, told clearly, and tried anew when its source changes", async () => {
    const token = tokenOf();
    const pin = pinOf("4321");
    const device = deviceOf(token, { pin: pin.source });
    const failures = await Promise.all(Array.from({ length: 5 }, () => failureOf(device.masterKey(asked, never()))));
    failures.push(await failureOf(device.masterKey(asked, never())));
    for (const { reason, message } of failures) {
      expect(reason).toBe("KEY_DISABLED");
      expect(message).toContain("the token refused the PIN of file /pin (token 0a1b, CKR_PIN_INCORRECT)");
      expect(message).not.toContain("4321");
    }
    expect(token.logIns()).toBe(1);
    pin.change("1234");
    expect(await roundTrip(await device.masterKey(asked, never()))).toBe(4);
    expect(token.logIns()).toBe(2);
  });

  test("is not tried again by a child that is started anew", async () => {
    const token = tokenOf();
    const pin = pinOf("4321");
    const fresh = (): Provider => deviceOf(token, { pin: pin.source });
    // Each call gets a device that knows nothing of the one before it, as after a child's death.
    const forgetful: Provider = {
      masterKey: (reference, signal) => fresh().masterKey(reference, signal),
      examine: (references, signal) => fresh().examine!(references, signal),
      close: () => Promise.resolve(),
    };
    const provider = latched(forgetful, pin.source);
    for (let i = 0; i < 3; i++)
      expect((await failureOf(provider.masterKey(asked, never()))).reason).toBe("KEY_DISABLED");
    const findings = await findingsOf(provider.examine!([], never()));
    expect(findings).toEqual([expect.objectContaining({ check: "log-in", outcome: "bad" })]);
    expect(token.logIns()).toBe(1);
    pin.change("1234");
    expect(await roundTrip(await provider.masterKey(asked, never()))).toBe(4);
  });

  test("that doctor found is not tried again by a call", async () => {
    const token = tokenOf();
    const pin = pinOf("4321");
    const provider = latched(deviceOf(token, { pin: pin.source }), pin.source);
    await findingsOf(provider.examine!([], never()));
    await failureOf(provider.masterKey(asked, never()));
    expect(token.logIns()).toBe(1);
  });

  test.each([
    [CKF.USER_PIN_FINAL_TRY, "one more wrong PIN would lock it"],
    [CKF.USER_PIN_LOCKED, "its user PIN is locked"],
  ])("is not risked on a token that says %i", async (flag, words) => {
    const token = tokenOf({ flags: CKF.LOGIN_REQUIRED | CKF.USER_PIN_INITIALIZED | flag });
    const failure = await failureOf(deviceOf(token).masterKey(asked, never()));
    expect(failure.reason).toBe("KEY_DISABLED");
    expect(failure.message).toContain(words);
    expect(token.logIns()).toBe(0);
  });
});

describe("log-in", () => {
  test("by somebody else in the process is as good", async () => {
    const token = tokenOf();
    token.failures.set("C_Login", { code: 0x100, times: 1 });
    const device = deviceOf(token);
    // Nobody logged in to this token really, so that it shows no key.
    expect((await failureOf(device.masterKey(asked, never()))).message).toContain("no key with label k");
  });

  test("is left out where the token wants none", async () => {
    const token = tokenOf({ flags: 0 });
    expect(await roundTrip(await deviceOf(token, { pin: undefined }).masterKey(asked, never()))).toBe(4);
    expect(token.logIns()).toBe(0);
  });

  test("without a PIN is told in words", async () => {
    const failure = await failureOf(deviceOf(tokenOf(), { pin: undefined }).masterKey(asked, never()));
    expect(failure).toEqual({
      reason: "KEY_DISABLED",
      message: "token 0a1b wants a PIN: name its variable or file by pin",
    });
  });

  test.each([
    ["1234\n", "none"],
    ["", "KEY_DISABLED"],
    ["\n", "KEY_DISABLED"],
  ])("takes the PIN %j without its line end, and never an empty one", async (text, reason) => {
    const token = tokenOf();
    const device = deviceOf(token, { pin: pinOf(text).source });
    expect((await failureOf(device.masterKey(asked, never()))).reason).toBe(reason);
    expect(token.logIns()).toBe(reason === "none" ? 1 : 0);
  });

  test("that the token cannot serve now may be tried again", async () => {
    const token = tokenOf();
    token.failures.set("C_Login", { code: 0x30, times: 1 });
    const device = deviceOf(token);
    expect((await failureOf(device.masterKey(asked, never()))).reason).toBe("PROVIDER_UNAVAILABLE");
    expect(await roundTrip(await device.masterKey(asked, never()))).toBe(4);
  });
});
