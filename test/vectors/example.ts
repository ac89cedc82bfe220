// The worked example of docs/envelope.md: the vector "plain" step by step, one named value after another.

import { createCipheriv, createHash, hkdfSync } from "node:crypto";
import { readGolden } from "./vectors.ts";
import type { ValidJson } from "./vectors.ts";

const hash = (algorithm: string, data: Buffer) => createHash(algorithm).update(data).digest();
const hkdf = (key: Buffer, salt: Buffer, info: Buffer | string, length: number) =>
  Buffer.from(hkdfSync("sha512", key, salt, info, length));
const none = Buffer.alloc(0);

function gcm(key: Buffer, nonce: Buffer, aad: Buffer, plaintext: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The steps in their order; the last but one is the envelope, made from nothing but the steps before it. */
export function exampleSteps(): [string, Buffer | string][] {
  const [, plain] = readGolden<ValidJson>("valid").find(([name]) => name === "plain")!;
  const envelope = Buffer.from(plain.envelope!, "hex");
  const masterKey = Buffer.from(plain.masterKeys[0]!, "hex");
  const branchKey = Buffer.from(plain.steps.branchKey, "hex");
  const id = hkdf(masterKey, none, "keybroker env v1 id", 8);
  const a = `keybroker/1;suite=1;realm=prod;key=backups/db;branch=${plain.header.branchId};share=1/1/1`;
  const material = Buffer.concat([branchKey, hash("sha256", Buffer.from(a))]);
  const salt = envelope.subarray(66, 98);
  const t = hkdf(masterKey, salt, "keybroker env v1 wrap", 44);
  const blob = Buffer.concat([salt, gcm(t.subarray(0, 32), t.subarray(32), Buffer.from(a), material)]);
  const h0 = Buffer.concat([envelope.subarray(0, 66), blob]);
  const h0Hash = hash("sha512", h0);
  const okm = hkdf(branchKey, none, Buffer.concat([Buffer.from("keybroker envelope v1"), h0Hash]), 64);
  const pairs = "\0\x02\0\x04host\0\x04db-1\0\x03set\0\x07nightly";
  const preimage = Buffer.from(`keybroker context v1${pairs}`, "latin1");
  const contextHash = hash("sha256", preimage);
  const nonce = envelope.subarray(210, 222);
  const aad = Buffer.concat([h0, okm.subarray(32), nonce, Buffer.of(0, 0, 0, 80)]);
  const dataKey = Buffer.from(plain.dataKey, "hex");
  const sealed = gcm(okm.subarray(0, 32), nonce, aad, Buffer.concat([contextHash, dataKey]));
  const whole = Buffer.concat([aad, sealed]);
  return [
    ["master key", masterKey],
    ["master-key id", `${id.toString("hex")} (16 characters)`],
    ["branch id", Buffer.from(plain.header.branchId, "hex")],
    ["branch key", branchKey],
    ["A", a],
    ["share ‖ SHA-256(A)", material],
    ["salt", salt],
    ["t", t],
    ["wrapped blob", blob],
    ["H0", h0],
    ["SHA-512(H0)", h0Hash],
    ["okm", okm],
    ["context pre-image", preimage],
    ["context hash", contextHash],
    ["nonce", nonce],
    ["data key", dataKey],
    ["sealed part", sealed],
    ["envelope", whole],
    ["text form", `kb1.${whole.toString("base64url")}`],
  ];
}

/** The example as it stands in the document: a name, then its value, bytes and the text form in lines of 96. */
export function exampleText(): string {
  const lines = exampleSteps().flatMap(([name, value]) => {
    const text = typeof value === "string" ? value : value.toString("hex");
    const lines = name === "A" ? [text] : text.match(/.{1,96}/g)!;
    return [`${name}:`, ...lines.map((line) => `  ${line}`)];
  });
  return lines.join("\n");
}
