// Grants with their SSH signatures, and SSH keys and signatures by themselves.

import { createPrivateKey, createPublicKey, hash, sign } from "node:crypto";
import { isBrokerError } from "../../../src/errors/index.ts";
import { grantNamespace, parseDocument, statementText } from "../../../src/grants/index.ts";
import { isSignatureOf, publicKeysOf, signatureFrom, SshFormatError } from "../../../src/ssh/index.ts";
import { sshString } from "../../../src/ssh/reader.ts";
import { bytesOf, must, outcomeOf, textOf, type Decoder } from "../decoder.ts";

const signers = [1, 2].map((byte) =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, byte)]),
    format: "der",
    type: "pkcs8",
  }),
);
const blobs = signers.map((key) => {
  const raw = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return Buffer.concat([sshString("ssh-ed25519"), sshString(raw)]);
});

/** As `ssh-keygen -Y sign` makes them (PROTOCOL.sshsig). */
function signatureBy(index: number, message: string): string {
  const magic = Buffer.from("SSHSIG");
  const common = [sshString(grantNamespace), sshString(""), sshString("sha512")];
  const signed = Buffer.concat([magic, ...common, sshString(hash("sha512", message, "buffer"))]);
  const value = Buffer.concat([sshString("ssh-ed25519"), sshString(sign(null, signed, signers[index]!))]);
  const version = Buffer.from([0, 0, 0, 1]);
  const bytes = Buffer.concat([magic, version, sshString(blobs[index]!), ...common, sshString(value)]);
  const lines = bytes
    .toString("base64")
    .match(/.{1,70}/g)!
    .join("\n");
  return `-----BEGIN SSH SIGNATURE-----\n${lines}\n-----END SSH SIGNATURE-----\n`;
}

const statement = statementText({
  nonce: "0".repeat(32),
  realm: "prod",
  identity: "restore",
  keys: ["backups/*", "a/b"],
  when: [{ name: "host", is: { oneOf: ["db-1"] } }],
  reason: "INC-1",
  fromMs: Date.UTC(2026, 10, 21),
  untilMs: Date.UTC(2026, 10, 22),
  maxUnwraps: 50,
  requester: "dba@example",
});
const signatures = [0, 1].map((index) => signatureBy(index, statement));
const documents = [statement, statement + signatures[0]!, statement + signatures.join("")];

export const grant: Decoder = {
  name: "grant",
  seeds: documents.map(bytesOf),
  words: [
    "\n",
    "key: ",
    "when: ",
    "realm: ",
    "not-after: ",
    "sha256: ",
    "keybroker grant v1\n",
    "\r",
    "max-unwraps: 1",
    ...signatures,
  ],
  check(input) {
    const given = Buffer.from(input).toString("latin1");
    try {
      const document = parseDocument(given);
      must(given.startsWith(document.text), "the text stands at its beginning");
      must(statementText(document.statement) === document.text, "a statement has one text");
      must(document.text === statement || document.signers.length === 0, "nobody signed anything else");
      return `read: ${document.signers.length} signers`;
    } catch (error) {
      must(isBrokerError(error) && error.reason === "REQUEST_INVALID", `a refusal, not ${String(error)}`);
      return outcomeOf(error);
    }
  },
};

export const sshSignature: Decoder = {
  name: "ssh-signature",
  seeds: signatures.map(bytesOf),
  words: ["-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----", "U1NIU0lH", "AAAA", "////", "\r\n", "="],
  check(input) {
    try {
      const signature = signatureFrom(textOf(input));
      if (!isSignatureOf(signature, Buffer.from(statement, "latin1"), grantNamespace)) return "read, not of this text";
      must(
        blobs.some((blob) => blob.equals(signature.publicKey.blob)),
        "the key that signed is the one that is named",
      );
      return "read, of this text";
    } catch (error) {
      must(error instanceof SshFormatError, `a refusal, not ${String(error)}`);
      return outcomeOf(error);
    }
  },
};

export const sshKey: Decoder = {
  name: "ssh-key",
  seeds: blobs.map((blob) => bytesOf(`# one\nssh-ed25519 ${blob.toString("base64")} dba@example\n`)),
  words: ["ssh-rsa ", "ecdsa-sha2-nistp256 ", "sk-ssh-ed25519@openssh.com ", "AAAA", "\n", "#", "=", "-----BEGIN "],
  check(input) {
    try {
      return `read: ${publicKeysOf(textOf(input)).length}`;
    } catch (error) {
      must(error instanceof SshFormatError, `a refusal, not ${String(error)}`);
      return outcomeOf(error);
    }
  },
};
