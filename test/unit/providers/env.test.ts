// The env provider: what it takes for a key, what it refuses and how it says so, versions and rotation.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test as property } from "@fast-check/vitest";
import { afterAll, describe, expect, test } from "vitest";
import { decodeMasterKey } from "../../../providers/env/decode.ts";
import { generateMasterKey } from "../../../providers/env/generate.ts";
import env from "../../../providers/env/index.ts";
import { bindingOf, provideVariable } from "../../../src/provider/index.ts";
import type { MasterKey } from "../../../src/provider/index.ts";

const folder = mkdtempSync(join(tmpdir(), "env-"));
afterAll(() => rmSync(folder, { recursive: true }));

const key = Buffer.from("9f3c5a07e1d2b84466f09a1b2c3d4e5f8091a2b3c4d5e6f7deadbeef0badcafe", "hex");
const otherKey = Buffer.from("00112233a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f", "hex");
const signal = new AbortController().signal;
const binding = bindingOf({
  suite: 1,
  realm: "prod",
  key: "backups/db",
  branchId: Buffer.alloc(16, 5),
  share: 1,
  threshold: 1,
  recipients: 1,
});

let variables = 0;
/** A variable with this value. */
function variableOf(value: string | Buffer): string {
  const name = `ENV_TEST_${++variables}`;
  provideVariable(name, Buffer.from(value));
  return `\${${name}}`;
}

function fileOf(value: string | Buffer): string {
  const path = join(folder, `key-${++variables}`);
  writeFileSync(path, value, { mode: 0o600 });
  return `file:${path}`;
}

async function openEnv(settings: unknown) {
  return await env.open(env.settings.parse(settings) as never);
}

async function masterKeyOf(source: string): Promise<MasterKey> {
  return await (await openEnv({ keys: { "1": source } })).masterKey({}, signal);
}

describe("encodings", () => {
  const encodings = {
    hex: key.toString("hex"),
    "upper-case hex": key.toString("hex").toUpperCase(),
    base64: key.toString("base64"),
    "base64 without padding": key.toString("base64").replace("=", ""),
    base64url: key.toString("base64url"),
    "base64url with padding": `${key.toString("base64url")}=`,
  };

  test.each(Object.entries(encodings))("%s, from a variable and from a file", async (_, text) => {
    const expected = (await masterKeyOf(variableOf(key.toString("hex")))).id;
    expect((await masterKeyOf(variableOf(text))).id).toBe(expected);
    expect((await masterKeyOf(fileOf(text))).id).toBe(expected);
  });

  test("a file may end in one line break; a variable may not", async () => {
    expect((await masterKeyOf(fileOf(`${encodings.base64}\n`))).id).toMatch(/^[0-9a-f]{16}$/);
    await expect(masterKeyOf(fileOf(`${encodings.base64}\n\n`))).rejects.toThrow("white space");
    await expect(masterKeyOf(fileOf(`${encodings.base64}\r\n`))).rejects.toThrow("white space");
    await expect(masterKeyOf(variableOf(`${encodings.base64}\n`))).rejects.toThrow("white space");
  });

  property.prop([fc.uint8Array({ minLength: 32, maxLength: 32 })])("agree with Buffer's", (bytes) => {
    const drawn = Buffer.from(bytes);
    fc.pre(new Set(bytes).size > 20);
    for (const form of ["hex", "base64", "base64url"] as const) {
      expect(decodeMasterKey(Buffer.from(drawn.toString(form)), "variable X").equals(drawn)).toBe(true);
    }
  });

  property.prop([fc.uint8Array({ maxLength: 80 })])("whatever it is given, it decodes or refuses", (bytes) => {
    try {
      expect(decodeMasterKey(bytes, "variable X")).toHaveLength(32);
    } catch (error) {
      expect(error).toMatchObject({ reason: "REQUEST_INVALID" });
    }
  });
});

describe("values that are refused, with what is wrong and never the value", () => {
  const base64 = key.toString("base64");
  const cases: [string, string, string][] = [
    ["empty", "", "is empty"],
    ["short base64", key.subarray(0, 31).toString("base64url"), "is too short"],
    ["a key for AES-128", key.subarray(0, 16).toString("hex"), "is too short"],
    ["long base64", Buffer.concat([key, key.subarray(0, 1)]).toString("base64url"), "wrong length"],
    ["long hex", `${key.toString("hex")}00`, "wrong length"],
    ["64 characters that are not hex", "g".repeat(64), "is not hex"],
    ["all-zero hex", "0".repeat(64), "is all zero"],
    ["all-zero base64", "A".repeat(43), "is all zero"],
    ["one byte repeated", "ab".repeat(32), "is one byte repeated"],
    ["a counting sequence", Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("hex"), "plain sequence"],
    [
      "a falling sequence",
      Buffer.from(Array.from({ length: 32 }, (_, i) => 250 - i)).toString("hex"),
      "plain sequence",
    ],
    ["a repeated half", "0123456789abcdeffedcba9876543210".repeat(2), "repeats itself"],
    ["encoded text", Buffer.from("correct horse battery staple !!!").toString("base64"), "is text"],
    ["changeme", "changeme", "is a placeholder"],
    ["a long placeholder", "CHANGEME-0000000000000000000000000000000000", "is a placeholder"],
    ["an example", "this+is+an+Example+key+of+the+right+length0", "is a placeholder"],
    ["text", "<your-key-here>", "is not in one of these encodings"],
    ["a space before", ` ${base64}`, "has white space"],
    ["a space within", `${base64.slice(0, 20)} ${base64.slice(20)}`, "has white space"],
    ["a tab after", `${base64}\t`, "has white space"],
    ["quotes around it", `"${base64}"`, "is not in one of these encodings"],
    ["a byte order mark", `\ufeff${base64}`, "is not in one of these encodings"],
    ["both alphabets", `+_${key.toString("hex").slice(0, 41)}`, "mixes base64 with base64url"],
    ["a damaged end", `${base64.slice(0, 42)}B=`, "is damaged at its end"],
    ["padding within", `${base64.slice(0, 20)}=${base64.slice(21, 43)}`, "has padding before its end"],
    ["two paddings", `${base64}=`, "wrong length"],
  ];

  test.each(cases)("%s", async (_, value, fault) => {
    for (const source of [variableOf(value), fileOf(value)]) {
      const error = await masterKeyOf(source).then(
        () => undefined,
        (caught: Error) => caught,
      );
      expect(error).toMatchObject({ reason: "REQUEST_INVALID" });
      expect(error!.message).toContain(fault);
      expect(error!.message).toContain(source.startsWith("file:") ? source.slice(5) : source.slice(2, -1));
      if (value.length > 8) expect(error!.message).not.toContain(value.trim());
    }
  });

  test("two versions with one key", async () => {
    const keys = { "1": variableOf(key.toString("hex")), "2": fileOf(key.toString("base64")) };
    await expect(openEnv({ keys, primary: "1" })).rejects.toThrow(/hold the same key: versions 1 and 2 must differ/);
  });
});

describe("settings", () => {
  const one = variableOf(key.toString("hex"));
  const two = variableOf(otherKey.toString("hex"));
  const problemOf = (settings: unknown) => env.settings.safeParse(settings).error?.issues[0]?.message;

  test("one version needs no primary; several do, and it is one of them", () => {
    expect(problemOf({ keys: { "1": one } })).toBeUndefined();
    expect(problemOf({ keys: { "1": one, "2": two } })).toContain("primary must name one");
    expect(problemOf({ keys: { "1": one, "2": two }, primary: "3" })).toContain("no version under keys is called 3");
    expect(problemOf({ keys: { "1": one }, primary: "2" })).toContain("no version under keys is called 2");
    expect(problemOf({ keys: {} })).toContain("at least one version");
  });

  test.each(["V1", "", ".a", "a b", "a".repeat(65), "__proto__"])("no version is called %j", (name) => {
    const keys = JSON.parse(JSON.stringify({ name: one }).replace("name", name)) as object;
    expect(env.settings.safeParse({ keys }).success).toBe(false);
  });

  test("a literal key is refused and an unknown field too", () => {
    expect(problemOf({ keys: { "1": key.toString("hex") } })).toContain("a secret never stands here itself");
    expect(problemOf({ keys: { "1": one }, primry: "1" })).toContain("primry");
  });

  test("a reference to a version that is not there", async () => {
    const provider = await openEnv({ keys: { "1": one } });
    await expect(provider.masterKey({ key: "2" }, signal)).rejects.toThrow("no key version called 2");
  });
});

describe("versions", () => {
  const keys = { "1": variableOf(key.toString("hex")), "2": variableOf(otherKey.toString("hex")) };

  test("the primary one wraps, the others unwrap and say that a rewrap is due", async () => {
    const before = await (await openEnv({ keys, primary: "1" })).masterKey({}, signal);
    const material = Buffer.alloc(64, 3);
    const { wrapped, scheme, version } = await before.wrap(material, binding, signal);
    expect(version).toBe("1");

    const after = await (await openEnv({ keys, primary: "2" })).masterKey({}, signal);
    expect((await after.wrap(material, binding, signal)).version).toBe("2");
    const old = after.unwrapOnly!.find(({ id }) => id === before.id)!;
    const answer = await old.unwrap(wrapped, scheme, binding, signal);
    expect(answer).toMatchObject({ version: "1", rewrapDue: true });
    expect(answer.material.equals(material)).toBe(true);
  });

  test("a reference that names a version has that one alone, and no rewrap is due", async () => {
    const named = await (await openEnv({ keys, primary: "2" })).masterKey({ key: "1" }, signal);
    expect(named.unwrapOnly).toEqual([]);
    const { wrapped, scheme } = await named.wrap(Buffer.alloc(64), binding, signal);
    expect(await named.unwrap(wrapped, scheme, binding, signal)).toMatchObject({ rewrapDue: false });
  });

  test("the id is the key's, whatever the version and the place are called", async () => {
    const one = await masterKeyOf(fileOf(key.toString("base64")));
    const two = await (await openEnv({ keys, primary: "1" })).masterKey({}, signal);
    expect(one.id).toBe(two.id);
  });
});

describe("scheme 1", () => {
  test("a blob that was made elsewhere opens: salt, then AES-256-GCM under a derived key", async () => {
    const { createCipheriv, hkdfSync } = await import("node:crypto");
    const salt = Buffer.alloc(32, 0x5a);
    const once = Buffer.from(hkdfSync("sha512", key, salt, "keybroker env v1 wrap", 44));
    const cipher = createCipheriv("aes-256-gcm", once.subarray(0, 32), once.subarray(32));
    cipher.setAAD(
      Buffer.from("keybroker/1;suite=1;realm=prod;key=backups/db;branch=05050505050505050505050505050505;share=1/1/1"),
    );
    const material = Buffer.alloc(64, 0x77);
    const wrapped = Buffer.concat([salt, cipher.update(material), cipher.final(), cipher.getAuthTag()]);
    const master = await masterKeyOf(variableOf(key.toString("hex")));
    expect((await master.unwrap(wrapped, 1, binding, signal)).material.equals(material)).toBe(true);
    expect(master.id).toBe(Buffer.from(hkdfSync("sha512", key, "", "keybroker env v1 id", 8)).toString("hex"));
  });

  test("no two wraps share a salt", async () => {
    const master = await masterKeyOf(variableOf(key.toString("hex")));
    const wraps = await Promise.all(Array.from({ length: 200 }, () => master.wrap(Buffer.alloc(64), binding, signal)));
    expect(new Set(wraps.map(({ wrapped }) => Buffer.from(wrapped.slice(0, 32)).toString("hex"))).size).toBe(200);
  });
});

describe("generateMasterKey", () => {
  test("makes base64 text that the provider reads, new each time, in memory of its own", async () => {
    const made = Array.from({ length: 50 }, () => generateMasterKey());
    expect(new Set(made.map(String)).size).toBe(50);
    for (const text of made) {
      expect(text.toString()).toMatch(/^[A-Za-z0-9+/]{43}=$/);
      expect(Buffer.from(text.toString(), "base64").toString("base64")).toBe(text.toString());
      expect(text.buffer.byteLength).toBe(44);
    }
    expect((await masterKeyOf(fileOf(made[0]!))).id).toMatch(/^[0-9a-f]{16}$/);
  });
});
