// What doctor is told of a token: what there is, and in words what is wrong.

import { describe, expect, test } from "vitest";
import { CKA, CKM } from "../../../../providers/pkcs11/device/cryptoki.ts";
import type { KeyReference } from "../../../../providers/pkcs11/device/types.ts";
import { deviceOf, findingsOf, never, settingsOf } from "./bench.ts";
import { openDevice } from "../../../../providers/pkcs11/device/index.ts";
import { aesKey, fakeToken } from "./fake-token.ts";
import type { FakeToken } from "./fake-token.ts";

const wrapKey = (more: [number, Buffer][] = []) => aesKey("k", "0a", [CKA.WRAP, CKA.UNWRAP], more);
const found = (token: FakeToken, references: KeyReference[] = [], changes = {}) =>
  findingsOf(deviceOf(token, changes).examine!(references, never()));
const wrong = (findings: Awaited<ReturnType<typeof found>>) => findings.filter(({ outcome }) => outcome === "bad");

describe("examine", () => {
  test("tells library, token, mechanisms and keys, and how a key wraps", async () => {
    const findings = await found(fakeToken([wrapKey()]), [{ label: "k" }]);
    expect(wrong(findings)).toEqual([]);
    const told = new Map(findings.map(({ check, detail, outcome }) => [check, `${outcome}: ${detail}`]));
    expect(told.get("library")).toBe("good: /fake.so: a fake 1.0, PKCS#11 3.0");
    expect(told.get("token 0a1b")).toBe("note: label fake, fake, a device");
    expect(told.get("mechanisms")).toContain(
      "has AES_KEY_WRAP_KWP, AES_KEY_WRAP_PAD, AES_GCM, RSA_PKCS_OAEP; 1 others",
    );
    expect(told.get("key k")).toBe("note: id 0a, AES of 256 bits, may wrap, unwrap, cannot leave the token");
    expect(told.get("key with label k")).toBe("good: wraps and unwraps: key-wrap by CKM_AES_KEY_WRAP_KWP");
  });

  test("tells what the loader said", async () => {
    const load = () => {
      throw new Error("/fake.so: wrong ELF class");
    };
    const device = openDevice(settingsOf(), async () => ({ ...(await fakeToken([]).create()), load }));
    const findings = await findingsOf(device.examine!([], never()));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ outcome: "bad", detail: expect.stringContaining("wrong ELF class") as string });
  });

  test("tells the tokens there are where the configured one is not", async () => {
    const [finding] = wrong(await found(fakeToken([]), [], { tokenLabel: "other" }));
    expect(finding!.detail).toBe("no token with label other is there; there are: serial 0a1b label fake");
  });

  test.each([
    ["is not there", [wrapKey()], { label: "other" }, "no key with label other"],
    ["has no mechanism", [wrapKey()], { label: "k", scheme: "gcm" as const }, "may not decrypt by AES-GCM"],
    ["can leave the token", [wrapKey([[CKA.EXTRACTABLE, Buffer.from([1])]])], { label: "k" }, "can leave the token"],
  ])("says of a key that %s what is wrong, and what to do", async (_, objects, reference, words) => {
    const [finding] = wrong(await found(fakeToken(objects), [reference]));
    expect(finding!.detail).toContain(words);
    expect(finding!.fix).toContain("keybroker pkcs11 generate-key");
  });

  test("names what the token has instead of what is needed", async () => {
    const token = fakeToken([wrapKey()], { mechanisms: [CKM.AES_GCM] });
    const findings = await found(token, [{ label: "k" }]);
    expect(findings.find(({ check }) => check === "mechanisms")!.detail).toContain("has not AES_KEY_WRAP_KWP");
    expect(wrong(findings)[0]!.detail).toContain("CKM_AES_KEY_WRAP_KWP: the token has none");
  });
});
