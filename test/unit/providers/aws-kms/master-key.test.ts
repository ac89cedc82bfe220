// A KMS key as a master key: what names it, what is sent and compared, its states, its materials.

import { describe, expect, test } from "vitest";
import type { MasterKey } from "../../../../src/provider/index.ts";
import type { Call } from "../../../fakes/aws-kms/index.ts";
import { binding, failure, material, never, startSetting, unwrap, wrap } from "./setting.ts";

/** A working master key, and every call that the endpoint gets from then on. */
async function working(changes?: object) {
  const setting = await startSetting();
  const { aws } = setting;
  const kmsKey = aws.keys.create();
  const key = await setting.masterKey(kmsKey.arn, changes);
  const calls: Call[] = [];
  aws.lie({ kind: "none" }, (call) => calls.push(call) < 0);
  return { ...setting, kmsKey, key, calls };
}

const operationsOf = (calls: readonly Call[]) => calls.map(({ operation }) => operation);

describe("names", () => {
  test("an alias, an alias's ARN and a key id are resolved to the key's ARN", async () => {
    const { aws, masterKey } = await startSetting();
    const key = aws.keys.create();
    const alias = aws.keys.alias("backups/db", key);
    for (const name of [alias, "alias/backups/db", key.id, key.arn]) expect((await masterKey(name)).id).toBe(key.arn);
  });

  test("a key's ARN is resolved without asking, so that a restart in an outage needs nobody", async () => {
    const { aws, masterKey } = await startSetting();
    const { arn } = aws.keys.create();
    await aws.stop();
    expect((await masterKey(arn)).id).toBe(arn);
    expect((await failure(masterKey("alias/backups"))).reason).toBe("PROVIDER_UNAVAILABLE");
  });

  test("an alias that moved names the new key from the next start on, and the old key's id stays its own", async () => {
    const { aws, open } = await startSetting();
    const [one, two] = [aws.keys.create(), aws.keys.create()];
    aws.keys.alias("moving", one);
    const provider = await open();
    const before = await provider.masterKey({ key: "alias/moving" }, never);
    const blob = await wrap(before);
    aws.keys.alias("moving", two);
    expect((await unwrap(before, blob)).material).toEqual(material);
    expect((await provider.masterKey({ key: "alias/moving" }, never)).id).toBe(two.arn);
  });

  test("one master key per key, whatever names it", async () => {
    const { aws, open } = await startSetting();
    const key = aws.keys.create();
    const provider = await open();
    const one = await provider.masterKey({ key: key.arn }, never);
    expect(await provider.masterKey({ key: key.id }, never)).toBe(one);
  });

  test("a key of another region and a key for another use are refused in words", async () => {
    const { aws, masterKey } = await startSetting();
    const foreign = aws.keys.create({ region: "us-east-1" });
    expect(await failure(masterKey(foreign.arn))).toMatchObject({ reason: "REQUEST_INVALID", message: /us-east-1/ });
    const signing = aws.keys.create({ usage: "SIGN_VERIFY", spec: "ECC_NIST_P256" });
    expect(await failure(masterKey(signing.id))).toMatchObject({ reason: "REQUEST_INVALID", message: /SIGN_VERIFY/ });
    const rsa = await masterKey(aws.keys.create({ spec: "RSA_4096" }).arn);
    expect(await failure(rsa.probe(never))).toMatchObject({ reason: "KEY_DISABLED", message: /RSA_4096/ });
    expect((await failure(masterKey("alias/nowhere"))).reason).toBe("KEY_DISABLED");
  });
});

describe("calls", () => {
  test("each names the configured key and carries the binding as context, and no one else's words", async () => {
    const { key, kmsKey, calls } = await working();
    await unwrap(key, await wrap(key));
    const crypt = calls.filter(({ operation }) => operation.endsWith("crypt"));
    expect(operationsOf(crypt)).toEqual(["Encrypt", "Decrypt"]);
    for (const { input } of crypt) {
      expect(input["KeyId"]).toBe(kmsKey.arn);
      expect(input["EncryptionContext"]).toEqual(binding.pairs);
    }
    expect(crypt[0]!.input["Plaintext"]).toBe(material.toString("base64"));
  });

  test.each([
    ["Encrypt", { KeyId: "arn:aws:kms:eu-central-1:111122223333:key/another" }],
    ["Decrypt", { KeyId: "arn:aws:kms:eu-central-1:111122223333:key/another" }],
    ["Encrypt", { KeyId: undefined }],
    ["Decrypt", { KeyId: undefined }],
  ])("another key's answer to %s is not used: %j", async (operation, fields) => {
    const { aws, key } = await working();
    const blob = await wrap(key);
    aws.lie({ kind: "fields", fields }, (call) => call.operation === operation);
    const error = await failure(operation === "Encrypt" ? wrap(key) : unwrap(key, blob));
    expect(error).toMatchObject({ reason: "INTERNAL", message: /another key's answer/ });
  });

  test.each([
    ["Encrypt", { CiphertextBlob: undefined }],
    ["Decrypt", { Plaintext: undefined }],
    ["Decrypt", { Plaintext: "" }],
  ])("an answer to %s that lacks its content is an outage: %j", async (operation, fields) => {
    const { aws, key } = await working();
    const blob = await wrap(key);
    aws.lie({ kind: "fields", fields }, (call) => call.operation === operation);
    const error = await failure(operation === "Encrypt" ? wrap(key) : unwrap(key, blob));
    expect(error.reason).toBe("PROVIDER_UNAVAILABLE");
  });

  test("a blob that names an unknown key is refused; when Decrypt is denied to us, that is told instead", async () => {
    const { aws, key } = await working();
    const blob = await wrap(key);
    const stray = { ...blob, wrapped: Buffer.from(blob.wrapped).fill(0x30, 4, 40) };
    expect((await failure(unwrap(key, stray))).reason).toBe("ENVELOPE_REFUSED");
    aws.allow = (action) => action !== "Decrypt";
    expect((await failure(unwrap(key, stray))).reason).toBe("KEY_DISABLED");
    expect((await failure(unwrap(key, blob))).reason).toBe("KEY_DISABLED");
  });

  test("an abort ends a call that hangs, and the next call succeeds", async () => {
    const { aws, key } = await working();
    const hanging = aws.lie({ kind: "hang" });
    const controller = new AbortController();
    const call = key.wrap(material, binding, controller.signal);
    setTimeout(() => controller.abort(new Error("the caller left")), 20);
    await expect(call).rejects.toThrow("the caller left");
    hanging.end();
    expect((await unwrap(key, await wrap(key))).material).toEqual(material);
  });

  test("one call is one request: nothing is tried again here", async () => {
    const { aws, key } = await working();
    await wrap(key);
    const told = aws.lie({ kind: "error", name: "ThrottlingException" });
    await failure(wrap(key));
    expect(told.hits).toBe(1);
  });
});

describe("states", () => {
  test.each([
    ["Disabled", "KEY_DISABLED"],
    ["PendingDeletion", "KEY_DISABLED"],
    ["PendingImport", "KEY_DISABLED"],
    ["Unavailable", "PROVIDER_UNAVAILABLE"],
    ["Creating", "PROVIDER_UNAVAILABLE"],
    ["Updating", "PROVIDER_UNAVAILABLE"],
  ] as const)("a key that is %s is %s, in every call", async (state, reason) => {
    const { key, kmsKey } = await working();
    const blob = await wrap(key);
    kmsKey.state = state;
    for (const call of [() => wrap(key), () => unwrap(key, blob), () => key.probe(never)])
      expect((await failure(call())).reason).toBe(reason);
    kmsKey.state = "Enabled";
    await key.probe(never);
    expect((await unwrap(key, blob)).material).toEqual(material);
  });

  test("a state that KMS blames while the key is enabled passes", async () => {
    const { aws, key } = await working();
    await wrap(key);
    aws.lie({ kind: "error", name: "KMSInvalidStateException" }, ({ operation }) => operation === "Encrypt");
    expect((await failure(wrap(key))).reason).toBe("PROVIDER_UNAVAILABLE");
  });

  test("a key that is gone is told as such", async () => {
    const { aws, key, kmsKey } = await working();
    aws.keys.remove(kmsKey);
    expect(await failure(key.probe(never))).toMatchObject({ reason: "KEY_DISABLED", message: /no such master key/ });
  });

  test.each([
    ["AWS_KMS", "hsm"],
    ["EXTERNAL", "hsm, imported"],
    ["AWS_CLOUDHSM", "cloudhsm"],
    ["EXTERNAL_KEY_STORE", "external"],
  ])("a key of origin %s is protected by: %s", async (origin, level) => {
    const { aws, masterKey } = await startSetting();
    const key = await masterKey(aws.keys.create({ origin }).arn);
    expect(key.protection).toBeUndefined();
    await key.probe(never);
    expect(key.protection).toEqual({ level, authenticated: true });
  });
});

describe("probe", () => {
  test("sees a permission that was taken away, under the contexts of real calls", async () => {
    const { aws, key } = await working();
    aws.allow = (action, _, context) => action === "DescribeKey" || context["realm"] === "prod";
    await key.probe(never);
    await unwrap(key, await wrap(key));
    await key.probe(never);
    aws.allow = (action) => action !== "Decrypt";
    expect((await failure(key.probe(never))).reason).toBe("KEY_DISABLED");
    aws.allow = () => true;
    await key.probe(never);
  });

  test("asks no host that only encrypts for the right to decrypt", async () => {
    const { aws, key } = await working();
    aws.allow = (action) => action !== "Decrypt";
    await wrap(key);
    await key.probe(never);
  });

  test("wraps and unwraps nothing of ours", async () => {
    const { aws, key, calls } = await working();
    await unwrap(key, await wrap(key));
    const before = [aws.count("Encrypt"), aws.count("Decrypt")];
    calls.length = 0;
    await key.probe(never);
    expect(calls.length).toBeGreaterThan(2);
    expect([aws.count("Encrypt"), aws.count("Decrypt")]).toEqual(before);
  });

  test("refuses an endpoint that does not bind to the context", async () => {
    const { aws, key } = await working();
    const answer = { KeyId: key.id, Plaintext: Buffer.alloc(32).toString("base64") };
    aws.lie({ kind: "answer", answer }, ({ operation }) => operation === "Decrypt");
    expect(await failure(key.probe(never))).toMatchObject({
      reason: "INTERNAL",
      message: /ignores the EncryptionContext/,
    });
  });
});

describe("key materials", () => {
  const versionsOf = async (key: MasterKey) => (await key.versions?.(never)) ?? [];

  test("rotate makes a new one that new wraps use; what is older opens and is due", async () => {
    const { key } = await working();
    const old = await wrap(key);
    const [first] = await versionsOf(key);
    expect(first).toEqual({ version: old.version, state: "primary", createdAt: undefined });
    const made = await key.rotate!(never);
    const young = await wrap(key);
    expect(young.version).toBe(made);
    expect(await unwrap(key, old)).toMatchObject({ material, version: old.version, rewrapDue: true });
    expect(await unwrap(key, young)).toMatchObject({ material, version: made, rewrapDue: false });
    expect(await versionsOf(key)).toEqual([
      { version: old.version, state: "enabled", createdAt: undefined },
      { version: made, state: "primary", createdAt: expect.any(Date) as Date },
    ]);
  });

  test("a rotation that others made is found out by what Decrypt names, with one look", async () => {
    const { aws, key, kmsKey, calls } = await working();
    const old = await wrap(key);
    const { id } = aws.keys.rotate(kmsKey);
    const young = await wrap(key);
    expect(await unwrap(key, young)).toMatchObject({ version: id, rewrapDue: false });
    calls.length = 0;
    for (let i = 0; i < 5; i++) expect(await unwrap(key, old)).toMatchObject({ rewrapDue: true });
    expect(operationsOf(calls)).not.toContain("DescribeKey");
    expect((await wrap(key)).version).toBe(id);
  });

  test("a look that fails is no reason to refuse what was decrypted", async () => {
    const { aws, key, kmsKey } = await working();
    await wrap(key);
    aws.keys.rotate(kmsKey);
    const young = await wrap(key);
    aws.allow = (action) => action !== "DescribeKey";
    expect(await unwrap(key, young)).toMatchObject({ material, rewrapDue: false });
  });

  test("a list of many comes whole, the newest last", async () => {
    const { aws, key, kmsKey } = await working();
    for (let i = 0; i < 130; i++) aws.keys.rotate(kmsKey);
    const versions = await versionsOf(key);
    expect(versions.map(({ version }) => version)).toEqual(kmsKey.materials.map(({ id }) => id));
    expect(versions.filter(({ state }) => state === "primary")).toEqual([versions.at(-1)]);
  });

  test("what AWS refuses to rotate is told as the administrator's to put right", async () => {
    const { aws, key, kmsKey, masterKey } = await working();
    for (let i = 0; i < 25; i++) aws.keys.rotate(kmsKey);
    expect((await failure(key.rotate!(never))).reason).toBe("REQUEST_INVALID");
    const external = await masterKey(aws.keys.create({ origin: "EXTERNAL_KEY_STORE" }).arn);
    expect((await failure(external.rotate!(never))).reason).toBe("REQUEST_INVALID");
    expect(await unwrap(external, await wrap(external))).toMatchObject({ version: "", rewrapDue: false });
  });
});
