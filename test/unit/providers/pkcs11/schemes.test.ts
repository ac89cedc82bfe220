// Which way of wrapping is chosen, over tokens with different habits.

import { describe, expect, test } from "vitest";
import { CKA, CKM } from "../../../../providers/pkcs11/device/cryptoki.ts";
import { binding, failureOf, keyOf, material, never, roundTrip } from "./bench.ts";
import { aesKey, fakeToken, rsaKey } from "./fake-token.ts";
import type { Habits } from "./fake-token.ts";

const gcmUses = [CKA.ENCRYPT, CKA.DECRYPT];
const wrapUses = [CKA.WRAP, CKA.UNWRAP];
const gcmKey = () => aesKey("k", "0a", gcmUses);
const wrapKey = () => aesKey("k", "0a", wrapUses);
const bothKey = () => aesKey("k", "0a", [...gcmUses, ...wrapUses]);

describe("AES-GCM", () => {
  test.each<[string, Partial<Habits>, number, number]>([
    ["the caller's IV", { iv: "caller" }, 1, 92],
    ["an IV that the token writes", { iv: "device" }, 2, 92],
    ["an IV that the token appends", { iv: "appended" }, 3, 96],
    ["parameters without the IV's bits", { ivBits: false }, 1, 92],
    ["a written IV and old parameters", { iv: "device", ivBits: false }, 2, 92],
    ["an appended IV and old parameters", { iv: "appended", ivBits: false }, 3, 96],
  ])("works with %s", async (_, habits, scheme, bytes) => {
    const key = await keyOf(fakeToken([gcmKey()], habits), { label: "k" });
    const blob = await key.wrap(Buffer.from(material), binding, never());
    expect(blob.wrapped.length).toBe(bytes);
    expect(await roundTrip(key)).toBe(scheme);
    expect(key.wrapLimit).toBe(2 ** 32);
    expect(key.protection).toEqual({ level: "hsm", authenticated: true });
  });

  test.each<Habits["iv"]>(["caller", "device", "appended", "zeros"])(
    "never uses an IV twice with the master key, whatever the token makes of ours: %s",
    async (iv) => {
      const master = gcmKey();
      const token = fakeToken([master], { iv });
      for (let i = 0; i < 3; i++)
        await keyOf(token, { label: "k" })
          .then(roundTrip)
          .catch(() => undefined);
      const used = token.ivs.get(master) ?? [];
      expect(new Set(used).size).toBe(used.length);
      expect(used.length > 0).toBe(iv !== "zeros");
    },
  );

  test("is refused where the token ignores associated data", async () => {
    const failure = await failureOf(keyOf(fakeToken([gcmKey()], { ignoresData: true }), { label: "k" }));
    expect(failure.reason).toBe("KEY_DISABLED");
    expect(failure.message).toContain("the token ignores associated data");
  });

  test("opens what it made before the token began to choose IVs itself, and says that a rewrap is due", async () => {
    const token = fakeToken([gcmKey()]);
    const { wrapped, scheme } = await (await keyOf(token, { label: "k" })).wrap(material, binding, never());
    token.habits.iv = "appended";
    const later = await keyOf(token, { label: "k" });
    expect(await roundTrip(later)).toBe(3);
    const answer = await later.unwrap(wrapped, scheme, binding, never());
    expect(answer.material).toEqual(material);
    expect(answer.rewrapDue).toBe(true);
  });
});

describe("AES key wrap", () => {
  test.each<[string, Partial<Habits>]>([
    ["KWP", {}],
    ["PAD where it is RFC 5649", { mechanisms: [CKM.AES_KEY_WRAP_PAD] }],
    ["a token that wants the secret's length", { length: "wanted" }],
    ["a token that refuses the secret's length", { length: "refused" }],
    ["a token that takes no plain keys", { imports: false }],
  ])("works with %s", async (_, habits) => {
    const key = await keyOf(fakeToken([wrapKey()], habits), { label: "k" });
    expect(await roundTrip(key)).toBe(4);
    expect(key.wrapLimit).toBeUndefined();
  });

  test("passes over a PAD that is something else, though its round trip works", async () => {
    const habits: Partial<Habits> = { mechanisms: [CKM.AES_KEY_WRAP_PAD], pad: "pkcs7" };
    const failure = await failureOf(keyOf(fakeToken([wrapKey()], habits), { label: "k" }));
    expect(failure.message).toContain("CKM_AES_KEY_WRAP_PAD is not RFC 5649");
    expect(failure.message).toContain("CKM_AES_KEY_WRAP_KWP: the token has none");
  });

  test("is refused where the token keeps unwrapped secrets to itself", async () => {
    const failure = await failureOf(keyOf(fakeToken([wrapKey()], { reveals: false }), { label: "k" }));
    expect(failure.message).toContain("CKR_ATTRIBUTE_SENSITIVE");
  });

  test("leaves no secret on the token", async () => {
    const token = fakeToken([wrapKey()]);
    const key = await keyOf(token, { label: "k" });
    token.calls.length = 0;
    await roundTrip(key);
    const count = (name: string) => token.calls.filter((call) => call === name).length;
    expect(count("C_DestroyObject")).toBe(count("C_CreateObject") + count("C_UnwrapKey"));
  });
});

describe("RSA-OAEP", () => {
  test("is used only where it is allowed, and marked", async () => {
    const token = fakeToken([rsaKey("k", "0a")]);
    expect((await failureOf(keyOf(token, { label: "k" }))).message).toContain("set allowUnauthenticatedWrap: true");
    const key = await keyOf(token, { label: "k", allowUnauthenticatedWrap: true });
    expect(await roundTrip(key)).toBe(5);
    expect(key.protection?.authenticated).toBe(false);
    const { wrapped, scheme } = await key.wrap(Buffer.from(material), binding, never());
    expect((await failureOf(key.unwrap(wrapped.slice(1), scheme, binding, never()))).reason).toBe("ENVELOPE_REFUSED");
  });

  test("opens either hash with one key", async () => {
    const token = fakeToken([rsaKey("k", "0a")]);
    const reference = { label: "k", allowUnauthenticatedWrap: true } as const;
    const old = await keyOf(token, { ...reference, scheme: "rsa-oaep-sha1" });
    const { wrapped, scheme } = await old.wrap(Buffer.from(material), binding, never());
    expect(scheme).toBe(6);
    const answer = await (await keyOf(token, reference)).unwrap(wrapped, scheme, binding, never());
    expect(answer.rewrapDue).toBe(true);
  });

  test("refuses short keys", async () => {
    const token = fakeToken([rsaKey("k", "0a", 1_024)]);
    const failure = await failureOf(keyOf(token, { label: "k", allowUnauthenticatedWrap: true }));
    expect(failure.message).toContain("1024 bits");
  });
});

describe("one key, one mechanism", () => {
  test("a key that may do both does key wrap, and opens no GCM", async () => {
    const key = await keyOf(fakeToken([bothKey()]), { label: "k" });
    expect(await roundTrip(key)).toBe(4);
    const failure = await failureOf(key.unwrap(Buffer.alloc(92), 1, binding, never()));
    expect(failure.reason).toBe("ENVELOPE_REFUSED");
  });

  test("what the token can do today never changes the choice", async () => {
    const token = fakeToken([bothKey()], { mechanisms: [CKM.AES_GCM, CKM.AES_KEY_GEN] });
    expect((await failureOf(keyOf(token, { label: "k" }))).reason).toBe("KEY_DISABLED");
    expect(await roundTrip(await keyOf(token, { label: "k", scheme: "gcm" }))).toBe(1);
  });

  test("the key's list of allowed mechanisms is heeded", async () => {
    const list = Buffer.alloc(8);
    list.writeBigUInt64LE(BigInt(CKM.AES_GCM));
    const key = aesKey("k", "0a", [...gcmUses, ...wrapUses], [[CKA.ALLOWED_MECHANISMS, list]]);
    expect(await roundTrip(await keyOf(fakeToken([key]), { label: "k" }))).toBe(1);
  });

  test("a scheme that the token cannot do is told with the reason", async () => {
    const failure = await failureOf(keyOf(fakeToken([gcmKey()]), { label: "k", scheme: "gcm-device-iv" }));
    expect(failure.message).toContain("gcm-device-iv by CKM_AES_GCM: the token wrote no IV");
  });

  test("a key that may unwrap alone opens, and does not wrap", async () => {
    const master = wrapKey();
    const token = fakeToken([master]);
    const { wrapped, scheme } = await (await keyOf(token, { label: "k" })).wrap(material, binding, never());
    master.attributes.set(CKA.WRAP, Buffer.from([0]));
    const retired = await keyOf(token, { label: "k" });
    expect((await retired.unwrap(wrapped, scheme, binding, never())).material).toEqual(material);
    expect((await failureOf(retired.wrap(material, binding, never()))).reason).toBe("KEY_DISABLED");
    await retired.probe(never());
  });
});
