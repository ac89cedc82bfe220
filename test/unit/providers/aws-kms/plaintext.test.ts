// Shares on their way through the SDK: bytes that are wiped, never strings.

import { DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { describe, expect, test, vi } from "vitest";
import { carry, standInFor, takeFrom } from "../../../../providers/aws-kms/plaintext.ts";
import { material, startSetting, unwrap, wrap } from "./setting.ts";

const base64 = material.toString("base64");
const KeyId = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/** A client whose requests go to `answer`. */
function clientOf(answer: (body: Uint8Array) => Uint8Array): KMSClient {
  const handle = ({ body }: { body: Uint8Array }) => {
    const response = { statusCode: 200, headers: {}, body: answer(body) };
    return Promise.resolve({ response });
  };
  const credentials = { accessKeyId: "AKIA0", secretAccessKey: "none" };
  return new KMSClient({ region: "eu-central-1", credentials, requestHandler: { handle } as never });
}

describe("a request", () => {
  test("has the share in a buffer of its own, which is wiped once the call has settled", async () => {
    const bodies: Uint8Array[] = [];
    const client = clientOf((body) => {
      bodies.push(body);
      expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ KeyId, Plaintext: base64 });
      return Buffer.from("{}");
    });
    const Plaintext = standInFor(material);
    const command = new EncryptCommand({ KeyId, Plaintext, EncryptionContext: { realm: 'ü"Plaintext":"' } });
    carry(command, material);
    await client.send(command);
    expect(Plaintext).toEqual(Buffer.alloc(material.length));
    expect(bodies).toHaveLength(1);
    expect(bodies[0]!.buffer.byteLength).toBe(bodies[0]!.length);
    expect(bodies[0]!.every((byte) => byte === 0)).toBe(true);
  });

  test("is wiped when the call fails, too", async () => {
    const bodies: Uint8Array[] = [];
    const client = clientOf((body) => {
      bodies.push(body);
      throw new Error("the connection broke");
    });
    const command = new EncryptCommand({ KeyId, Plaintext: standInFor(material) });
    carry(command, material);
    await expect(client.send(command)).rejects.toThrow("the connection broke");
    expect(bodies[0]!.every((byte) => byte === 0)).toBe(true);
  });
});

test("calls print nothing: the SDK warns of who reads its bytes as a text", async () => {
  // The SDK warns once a minute, and an earlier test's warning must not hide this one's.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 86_400_000 });
  const levels = ["log", "info", "warn", "error", "debug"] as const;
  const spies = levels.map((level) => vi.spyOn(console, level).mockImplementation(() => undefined));
  const client = clientOf(() => Buffer.from("{}"));
  const encrypt = new EncryptCommand({ KeyId, Plaintext: standInFor(material) });
  carry(encrypt, material);
  const decrypt = new DecryptCommand({ KeyId, CiphertextBlob: Buffer.alloc(1) });
  takeFrom(decrypt);
  await client.send(encrypt);
  await client.send(decrypt);
  const printed = spies.flatMap((spy) => spy.mock.calls);
  for (const spy of spies) spy.mockRestore();
  vi.useRealTimers();
  expect(printed).toEqual([]);
});

describe("an answer", () => {
  test("is wiped where it arrived, and the SDK finds zeros in it", async () => {
    const arrived = Buffer.from(JSON.stringify({ KeyId, Plaintext: base64 }));
    const command = new DecryptCommand({ KeyId, CiphertextBlob: Buffer.alloc(1) });
    const taken = takeFrom(command);
    const answer = await clientOf(() => arrived).send(command);
    expect(answer.KeyId).toBe(KeyId);
    expect(answer.Plaintext!.every((byte) => byte === 0)).toBe(true);
    expect(taken.plaintext).toEqual(material);
    expect(taken.plaintext!.buffer.byteLength).toBe(material.length);
    expect(arrived.every((byte) => byte === 0)).toBe(true);
  });

  test("that is larger than any of Decrypt's is not read", async () => {
    const command = new DecryptCommand({ KeyId, CiphertextBlob: Buffer.alloc(1) });
    takeFrom(command);
    const send = clientOf(() => Buffer.alloc(70_000, " ")).send(command);
    await expect(send).rejects.toThrow("no readable answer");
  });
});

test("no share is ever part of a text that is parsed", async () => {
  const texts: string[] = [];
  const { parse } = JSON;
  const spy = vi.spyOn(JSON, "parse").mockImplementation((text, reviver) => {
    // The endpoint is of this process too: what it parses, which is the request, does not count.
    const isRequest = String(text).includes("EncryptionContext");
    if (!isRequest) texts.push(String(text));
    return parse(text, reviver) as unknown;
  });
  const { aws, masterKey } = await startSetting();
  const key = await masterKey(aws.keys.create().arn);
  const { material: answered } = await unwrap(key, await wrap(key));
  spy.mockRestore();
  expect(answered).toEqual(material);
  expect(texts.filter((text) => text.includes("Plaintext"))).toHaveLength(1);
  for (const text of texts) expect(text).not.toContain(base64.slice(0, 12));
});
