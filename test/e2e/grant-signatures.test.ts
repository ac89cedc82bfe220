// SSH signatures against ssh-keygen, in both directions: what it signs, and what it says of those made for our tests, whose
// security keys have no device.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grantNamespace } from "../../src/grants/index.ts";
import { isSignatureOf, publicKeysOf, signatureFrom } from "../../src/ssh/index.ts";
import { testKey } from "../unit/grants/keys.ts";

const message = "keybroker grant v1\nwhatever it says\n";
const bytes = Buffer.from(message);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kb-ssh-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const types = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ssh-rsa",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
] as const;

describe("with ssh-keygen", () => {
  it.each([["ed25519"], ["ecdsa", "256"], ["ecdsa", "384"], ["rsa", "2048"]])(
    "verifies what it signs: %s %s",
    (kind: string, size?: string) => {
      const file = join(folder, `${kind}${size ?? ""}`);
      execFileSync("ssh-keygen", ["-q", "-t", kind, ...(size ? ["-b", size] : []), "-N", "", "-C", "", "-f", file]);
      for (const hash of ["sha512", "sha256"]) {
        const command = ["-Y", "sign", "-n", grantNamespace, "-O", `hashalg=${hash}`, "-f", file];
        const signature = signatureFrom(spawnSync("ssh-keygen", command, { input: message }).stdout.toString());
        const [known] = publicKeysOf(readFileSync(`${file}.pub`, "utf8"));
        expect(signature.publicKey.blob.equals(known!.blob)).toBe(true);
        expect(isSignatureOf(signature, bytes, grantNamespace)).toBe(true);
        const shown = execFileSync("ssh-keygen", ["-l", "-f", `${file}.pub`], { encoding: "utf8" });
        expect(shown).toContain(known!.fingerprint);
      }
    },
  );

  it.each(types)("agrees with it on what a %s key signs", (type) => {
    const key = testKey(type);
    const signers = join(folder, "signers");
    writeFileSync(signers, `someone ${key.line}\n`);
    const verdictOf = (text: string, signature: string): boolean => {
      writeFileSync(join(folder, "signature"), signature);
      const command = [
        "-Y",
        "verify",
        "-f",
        signers,
        "-I",
        "someone",
        "-n",
        grantNamespace,
        "-s",
        join(folder, "signature"),
      ];
      return spawnSync("ssh-keygen", command, { input: text }).status === 0;
    };
    const signature = key.sign(message);
    const ours = (text: string) => isSignatureOf(signatureFrom(signature), Buffer.from(text), grantNamespace);
    expect([verdictOf(message, signature), ours(message)]).toEqual([true, true]);
    expect([verdictOf(`${message} `, signature), ours(`${message} `)]).toEqual([false, false]);
  });
});
