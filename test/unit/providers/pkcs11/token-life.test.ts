// Tokens that go and come back, keys that are gone or others, and damage that looks like a loss.

import { describe, expect, test } from "vitest";
import { CKA } from "../../../../providers/pkcs11/device/cryptoki.ts";
import { binding, deviceOf, failureOf, keyOf, material, never, roundTrip } from "./bench.ts";
import { aesKey, fakeToken } from "./fake-token.ts";

const uses = [CKA.ENCRYPT, CKA.DECRYPT];
const gcmKey = (id = "0a") => aesKey("k", id, uses);

async function wrappedOn(token: ReturnType<typeof fakeToken>) {
  const key = await keyOf(token, { label: "k" });
  const { wrapped, scheme } = await key.wrap(Buffer.from(material), binding, never());
  const unwrap = (blob = wrapped) => key.unwrap(blob, scheme, binding, never());
  return { key, wrapped, unwrap };
}

const damagedBlob = (wrapped: Uint8Array) => {
  const blob = Buffer.from(wrapped);
  blob[20]! ^= 1;
  return blob;
};

describe("a token that is lost", () => {
  test("is told as an outage, and the first call after it is back succeeds", async () => {
    const token = fakeToken([gcmKey()]);
    const { unwrap } = await wrappedOn(token);
    token.present = false;
    const failure = await failureOf(unwrap());
    expect(failure).toEqual({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringContaining("no token with label fake") as string,
    });
    token.present = true;
    expect((await unwrap()).material).toEqual(material);
  });

  test("comes back within the call when it was lost between calls", async () => {
    const token = fakeToken([gcmKey()]);
    const { unwrap } = await wrappedOn(token);
    token.failures.set("C_DecryptInit", { code: 0x82, times: 1 });
    token.calls.length = 0;
    expect((await unwrap()).material).toEqual(material);
    expect(token.calls.filter((name) => name === "C_Finalize" || name === "C_Initialize")).toHaveLength(2);
  });

  test.each([0x05, 0x06, 0x30, 0x80000001])(
    "is told from a damaged blob where both are answered with %i",
    async (code) => {
      const token = fakeToken([gcmKey()], { damaged: code });
      const { unwrap, wrapped } = await wrappedOn(token);
      expect((await failureOf(unwrap(damagedBlob(wrapped)))).reason).toBe("ENVELOPE_REFUSED");
      expect(token.calls).not.toContain("C_Finalize");
      token.failures.set("C_Decrypt", { code, times: 1_000 });
      expect((await failureOf(unwrap())).reason).toBe("PROVIDER_UNAVAILABLE");
      expect((await failureOf(unwrap(damagedBlob(wrapped)))).reason).toBe("PROVIDER_UNAVAILABLE");
      token.failures.clear();
      expect((await unwrap()).material).toEqual(material);
    },
  );

  test("a known answer that fails once is retried on a new connection", async () => {
    const token = fakeToken([gcmKey()]);
    const { unwrap } = await wrappedOn(token);
    await unwrap();
    token.failures.set("C_Decrypt", { code: 0x05, times: 2 });
    expect((await unwrap()).material).toEqual(material);
    expect(token.calls).toContain("C_Finalize");
  });

  test("work under way ends before the library does", async () => {
    const token = fakeToken([gcmKey()], {});
    token.slowMs = 1;
    const { unwrap } = await wrappedOn(token);
    token.slowMs = 0;
    let go = () => {};
    token.hang = new Promise((resolve) => (go = resolve));
    const first = unwrap();
    await expect.poll(() => token.calls.filter((name) => name === "C_DecryptAsync").length).toBeGreaterThan(0);
    token.failures.set("C_DecryptInit", { code: 0xb3, times: 1 });
    const second = unwrap();
    await new Promise((resolve) => setImmediate(resolve));
    expect(token.calls).not.toContain("C_Finalize");
    go();
    expect((await first).material).toEqual(material);
    expect((await second).material).toEqual(material);
    expect(token.calls).toContain("C_Finalize");
  });
});

describe("a token that changes its ways", () => {
  test("is proven anew when it wraps otherwise, and old blobs still open", async () => {
    const token = fakeToken([gcmKey()]);
    const { key, unwrap } = await wrappedOn(token);
    token.habits.iv = "appended";
    expect(await roundTrip(key)).toBe(3);
    expect((await unwrap()).rewrapDue).toBe(true);
    expect((await unwrap()).material).toEqual(material);
  });

  test("to none that works is told as an outage, not as a bad envelope", async () => {
    const token = fakeToken([gcmKey()]);
    const { key, unwrap } = await wrappedOn(token);
    token.habits.mechanisms.length = 0;
    expect((await failureOf(key.wrap(Buffer.from(material), binding, never()))).reason).toBe("PROVIDER_UNAVAILABLE");
    expect((await failureOf(unwrap())).reason).toBe("PROVIDER_UNAVAILABLE");
  });
});

describe("keys", () => {
  test("that are gone after a loss are told as such", async () => {
    const token = fakeToken([gcmKey()]);
    const { unwrap } = await wrappedOn(token);
    token.objects.length = 0;
    expect((await failureOf(unwrap())).reason).toBe("KEY_DISABLED");
  });

  test.each([0x05, 0x40])("that another one took the place of are not used, and told as such (%i)", async (damaged) => {
    const token = fakeToken([gcmKey()], { damaged });
    const { key, unwrap } = await wrappedOn(token);
    token.objects[0] = gcmKey();
    const calls = [() => key.wrap(Buffer.from(material), binding, never()), unwrap, () => key.probe(never())];
    for (const call of calls) {
      const failure = await failureOf(call());
      expect(failure.reason).toBe("KEY_DISABLED");
      expect(failure.message).toContain("is another key than before");
    }
  });

  test.each([
    ["none", [], "no key with label k"],
    ["two of one label", [gcmKey("0a"), gcmKey("0b")], "2 keys with label k"],
    ["two of one id", [gcmKey("0a"), aesKey("other", "0a", uses)], "2 keys with id 0a"],
    ["one without an id", [gcmKey("")], "has no CKA_ID"],
    ["one that may do nothing", [aesKey("k", "0a", [])], "its attributes forbid it"],
    ["a short one", [aesKey("k", "0a", uses, [[CKA.VALUE_LEN, Buffer.from([16, 0, 0, 0, 0, 0, 0, 0])]])], "128 bits"],
  ])("are told in words: %s", async (_, objects, words) => {
    const failure = await failureOf(keyOf(fakeToken(objects), { label: "k" }));
    expect(failure.reason).toBe("KEY_DISABLED");
    expect(failure.message).toContain(words);
  });

  test("are named by serial and id, and by the serials of tokens they came from", async () => {
    const token = fakeToken([gcmKey("0a1b")]);
    const key = await keyOf(token, { label: "k" }, { formerSerials: ["old 1", "0a1b"] });
    expect(key.id).toBe("pkcs11:serial=0a1b;id=%0a%1b");
    expect(key.unwrapOnly?.map(({ id }) => id)).toEqual(["pkcs11:serial=old%201;id=%0a%1b"]);
    const { wrapped, scheme } = await key.wrap(Buffer.from(material), binding, never());
    expect((await key.unwrapOnly![0]!.unwrap(wrapped, scheme, binding, never())).rewrapDue).toBe(true);
  });

  test("that lose their permission are told by wrap, unwrap and probe, and work when they have it back", async () => {
    const master = gcmKey();
    const { key, unwrap } = await wrappedOn(fakeToken([master]));
    const set = (value: number) => uses.forEach((use) => master.attributes.set(use, Buffer.from([value])));
    set(0);
    const calls = [key.wrap(Buffer.from(material), binding, never()), unwrap(), key.probe(never())];
    for (const call of calls) expect((await failureOf(call)).reason).toBe("KEY_DISABLED");
    set(1);
    expect((await unwrap()).material).toEqual(material);
    await key.probe(never());
  });
});

describe("tokens", () => {
  test("are named by serial, label or both", async () => {
    const token = fakeToken([gcmKey()]);
    expect(await roundTrip(await keyOf(token, { label: "k" }, { tokenLabel: undefined, tokenSerial: "0a1b" }))).toBe(1);
    const failure = await failureOf(keyOf(token, { label: "k" }, { tokenSerial: "ffff" }));
    expect(failure.message).toContain("no token with serial ffff and label fake");
  });

  test("a library that cannot be loaded is told with the loader's words, and asked again", async () => {
    const token = fakeToken([gcmKey()]);
    let broken = true;
    const create = async () => {
      const cryptoki = await token.create();
      const load = () => {
        if (broken) throw new Error("/fake.so: wrong ELF class\nat somewhere");
      };
      return { ...cryptoki, load };
    };
    const device = deviceOf({ ...token, create });
    const failure = await failureOf(device.masterKey({ label: "k" }, never()));
    expect(failure.reason).toBe("PROVIDER_UNAVAILABLE");
    expect(failure.message).toBe("the PKCS#11 library /fake.so cannot be loaded: /fake.so: wrong ELF class");
    broken = false;
    await device.masterKey({ label: "k" }, never());
  });
});

describe("sessions", () => {
  test("as many as the token gives are enough for any number of calls", async () => {
    const token = fakeToken([gcmKey()], { maxSessions: 2 });
    token.slowMs = 1;
    const { unwrap } = await wrappedOn(token);
    token.slowMs = 0;
    const answers = await Promise.all(Array.from({ length: 20 }, () => unwrap()));
    for (const { material: answered } of answers) expect(answered).toEqual(material);
  });

  test("one that an error came through is not used again", async () => {
    const token = fakeToken([gcmKey()]);
    const { unwrap, wrapped } = await wrappedOn(token);
    token.calls.length = 0;
    await failureOf(unwrap(damagedBlob(wrapped)));
    expect(token.calls).toContain("C_CloseSession");
  });

  test("a call that waits for one ends with its abort, and the next still gets it", async () => {
    const token = fakeToken([gcmKey()]);
    token.slowMs = 1;
    const device = deviceOf(token, { maxSessions: 1 });
    const key = await device.masterKey({ label: "k" }, never());
    const { wrapped } = await key.wrap(Buffer.from(material), binding, never());
    token.slowMs = 0;
    let go = () => {};
    token.hang = new Promise((resolve) => (go = resolve));
    const first = key.unwrap(wrapped, 1, binding, never());
    const controller = new AbortController();
    const second = key.unwrap(wrapped, 1, binding, controller.signal);
    const third = key.unwrap(wrapped, 1, binding, never());
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    go();
    expect((await first).material).toEqual(material);
    expect((await third).material).toEqual(material);
    await device.close();
  });

  test("a closed device answers nothing", async () => {
    const token = fakeToken([gcmKey()]);
    const device = deviceOf(token);
    const key = await device.masterKey({ label: "k" }, never());
    await device.close();
    await device.close();
    const failure = await failureOf(key.wrap(Buffer.from(material), binding, never()));
    expect(failure.reason).toBe("PROVIDER_UNAVAILABLE");
    expect(token.calls.at(-1)).toBe("C_Finalize");
  });
});
