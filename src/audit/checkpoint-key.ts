// The key that signs checkpoints: read from a file, or made once and kept.

import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { BrokerError } from "../errors/index.ts";
import { encodeVerifier, verifierOf, type NoteSigner } from "./note.ts";

/** Of all keybrokers: the key's id tells them apart, and the origin says whose log it is. */
const signerName = "keybroker-audit";

/**
 * The signer over the PKCS#8 PEM file at a path, which is made with mode 0600 where it is missing, with the verifier's
 * key beside it (`.pub`). Throws AUDIT_UNAVAILABLE when the file cannot be read or made, is no Ed25519 key, or may be
 * read by others.
 */
export function checkpointSigner(path: string): NoteSigner {
  try {
    const signer = { name: signerName, privateKey: read(path) ?? make(path) };
    publish(`${path}.pub`, `${encodeVerifier(verifierOf(signer))}\n`);
    return signer;
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : "unknown error";
    throw new BrokerError("AUDIT_UNAVAILABLE", `the key that signs the audit log cannot be used: ${what}`, { cause });
  }
}

function read(path: string): KeyObject | undefined {
  const descriptor = attempt(() => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW), "ENOENT");
  if (descriptor === undefined) return undefined;
  try {
    if ((fstatSync(descriptor).mode & 0o077) !== 0) throw new Error(`${path} may be read by others: chmod 600 it`);
    const pem = readFileSync(descriptor);
    const key = createPrivateKey(pem);
    pem.fill(0);
    if (key.asymmetricKeyType !== "ed25519") throw new Error(`${path} holds no Ed25519 key`);
    return key;
  } finally {
    closeSync(descriptor);
  }
}

function make(path: string): KeyObject {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = Buffer.from(privateKey.export({ format: "pem", type: "pkcs8" }));
  writeNew(path, pem);
  pem.fill(0);
  return privateKey;
}

/** The verifier's key is public: it is replaced whenever it is not the signer's. */
function publish(path: string, text: string): void {
  const found = attempt(() => readFileSync(path, "utf8"), "ENOENT");
  if (found === text) return;
  if (found !== undefined)
    throw new Error(`${path} is the key of another signer: move it away, and keep it to verify older logs`);
  writeNew(path, Buffer.from(text));
}

function writeNew(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    writeSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function attempt<T>(work: () => T, expected: string): T | undefined {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === expected) return undefined;
    throw error;
  }
}
