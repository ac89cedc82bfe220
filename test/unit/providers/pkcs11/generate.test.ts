// Keys made on the token: bounded by attributes, proven, and destroyed again when they do not serve.

import { describe, expect, test } from "vitest";
import { CKA, CKM } from "../../../../providers/pkcs11/device/cryptoki.ts";
import { generateKey } from "../../../../providers/pkcs11/generate.ts";
import { failureOf, keyOf, roundTrip, settingsOf } from "./bench.ts";
import { aesKey, fakeToken } from "./fake-token.ts";

const truths = (token: ReturnType<typeof fakeToken>) => {
  const { attributes } = token.objects.at(-1)!;
  const names = ["ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "EXTRACTABLE", "SENSITIVE", "TOKEN", "PRIVATE"] as const;
  return names.filter((name) => attributes.get(CKA[name])?.[0] === 1);
};

describe("generateKey", () => {
  test("makes one for key wrap, which cannot leave the token", async () => {
    const token = fakeToken([]);
    const made = await generateKey(settingsOf(), { label: "k", id: "0a" }, token.create);
    expect(made).toEqual({
      label: "k",
      id: "0a",
      tokenSerial: "0a1b",
      masterKeyId: "pkcs11:serial=0a1b;id=%0a",
      scheme: "key-wrap",
    });
    expect(truths(token)).toEqual(["WRAP", "UNWRAP", "SENSITIVE", "TOKEN", "PRIVATE"]);
    expect(await roundTrip(await keyOf(token, { label: "k" }))).toBe(4);
  });

  test("makes one for GCM where the token knows no key wrap, and leaves nothing else", async () => {
    const token = fakeToken([], { mechanisms: [CKM.AES_GCM, CKM.AES_KEY_GEN] });
    expect((await generateKey(settingsOf(), { label: "k" }, token.create)).scheme).toBe("gcm");
    expect(token.objects).toHaveLength(1);
    expect(truths(token)).toEqual(["ENCRYPT", "DECRYPT", "SENSITIVE", "TOKEN", "PRIVATE"]);
  });

  test.each([
    ["label", { label: "k", id: "0b" }],
    ["id", { label: "other", id: "0a" }],
  ])("refuses a %s that is taken", async (_, wanted) => {
    const token = fakeToken([aesKey("k", "0a", [])]);
    const failure = await failureOf(generateKey(settingsOf(), wanted, token.create));
    expect(failure.reason).toBe("REQUEST_INVALID");
    expect(token.objects).toHaveLength(1);
  });

  test("destroys a key that does not wrap as wanted", async () => {
    const token = fakeToken([]);
    const failure = await failureOf(generateKey(settingsOf(), { label: "k", scheme: "gcm-appended-iv" }, token.create));
    expect(failure.reason).toBe("REQUEST_INVALID");
    expect(token.objects).toHaveLength(0);
  });

  test("destroys a key that the token made extractable all the same", async () => {
    const token = fakeToken([]);
    const create = async () => {
      const cryptoki = await token.create();
      const generate = cryptoki.C_GenerateKey.bind(cryptoki);
      const careless: typeof generate = (session, mechanism, template) =>
        generate(session, mechanism, [...template, { type: CKA.EXTRACTABLE, value: true }]);
      return { ...cryptoki, C_GenerateKey: careless };
    };
    const failure = await failureOf(generateKey(settingsOf(), { label: "k" }, create));
    expect(failure.message).toContain("could leave it");
    expect(token.objects).toHaveLength(0);
  });
});
