// The fake's keys: real AES-256-GCM keys in versions, each with a state, as the service's definition has them.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { invalid, notEnabled, notFound } from "./refusal.ts";

/** States of a version. */
export type State = "ENABLED" | "DISABLED" | "DESTROYED" | "DESTROY_SCHEDULED" | "PENDING_GENERATION";

export interface StoredVersion {
  readonly name: string;
  readonly id: number;
  readonly createdAt: Date;
  readonly key: Buffer;
  /** Stands in ciphertexts: a blob of another key is told from a damaged one by it. */
  readonly mark: Buffer;
  state: State;
}

export interface StoredKey {
  readonly name: string;
  readonly purpose: string;
  readonly protectionLevel: string;
  readonly versions: StoredVersion[];
  primary: StoredVersion | undefined;
  /** How often a new version is asked for before it is there, as with an HSM. */
  pendingReads: number;
}

/** How a key differs from a software one for encryption. */
export interface KeyOptions {
  readonly purpose?: string;
  readonly protectionLevel?: string;
  /** Its first version's, of a key that was there before and is brought back; random when left out. */
  readonly material?: Pick<StoredVersion, "key" | "mark">;
}

const keyName = /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}$/;
const versionSuffix = /\/cryptoKeyVersions\/([1-9][0-9]*)$/;
const [markBytes, nonceBytes, tagBytes] = [9, 12, 16];

export class Store {
  readonly #keys = new Map<string, StoredKey>();

  create(name: string, options: KeyOptions = {}): StoredKey {
    const { purpose = "ENCRYPT_DECRYPT", protectionLevel = "SOFTWARE", material } = options;
    const key: StoredKey = { name, purpose, protectionLevel, versions: [], primary: undefined, pendingReads: 0 };
    this.#keys.set(name, key);
    key.primary = this.addVersion(key, material);
    return key;
  }

  addVersion(key: StoredKey, material = newMaterial()): StoredVersion {
    const id = key.versions.length + 1;
    const version: StoredVersion = {
      name: `${key.name}/cryptoKeyVersions/${id}`,
      id,
      createdAt: new Date(),
      ...material,
      state: key.pendingReads > 0 ? "PENDING_GENERATION" : "ENABLED",
    };
    key.versions.push(version);
    return version;
  }

  /** Throws INVALID_ARGUMENT for what is no name, NOT_FOUND for a name of nothing. */
  key(name: string): StoredKey {
    if (!keyName.test(name)) throw invalid(`Resource name [${name}] does not match the pattern of a CryptoKey.`);
    const key = this.#keys.get(name);
    if (!key) throw notFound(`CryptoKey ${name}`);
    return key;
  }

  /** As `key`, for a version's name. */
  version(name: string): { key: StoredKey; version: StoredVersion } {
    const id = versionSuffix.exec(name)?.[1];
    if (id === undefined) throw invalid(`Resource name [${name}] does not match the pattern of a CryptoKeyVersion.`);
    const key = this.key(name.replace(versionSuffix, ""));
    const version = key.versions[Number(id) - 1];
    if (!version) throw notFound(`CryptoKeyVersion ${name}`);
    return { key, version };
  }
}

function newMaterial(): Pick<StoredVersion, "key" | "mark"> {
  return { key: randomBytes(32), mark: Buffer.concat([Buffer.from([0x0a]), randomBytes(markBytes - 1)]) };
}

/** Throws FAILED_PRECONDITION. */
export function requireEnabled({ name, state }: StoredVersion): void {
  if (state !== "ENABLED") throw notEnabled(name, state);
}

export function seal({ mark, key }: StoredVersion, plaintext: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(aad);
  return Buffer.concat([mark, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The version that made a ciphertext. Throws INVALID_ARGUMENT when none of the key's did. */
export function makerOf({ versions }: StoredKey, ciphertext: Buffer): StoredVersion {
  const maker = versions.find(({ mark }) => mark.equals(ciphertext.subarray(0, markBytes)));
  if (!maker) throw invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.");
  return maker;
}

/** Throws INVALID_ARGUMENT when the ciphertext or the associated data are not those of `seal`. */
export function unseal({ key }: StoredVersion, ciphertext: Buffer, aad: Buffer | undefined): Buffer {
  const nonce = ciphertext.subarray(markBytes, markBytes + nonceBytes);
  const sealed = ciphertext.subarray(markBytes + nonceBytes);
  if (sealed.length < tagBytes) throw invalid("Decryption failed: the ciphertext is invalid.");
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  const plaintext = decipher.setAAD(aad ?? Buffer.alloc(0)).update(sealed.subarray(0, -tagBytes));
  // A server that ignores associated data is one that checks no tag over it.
  if (aad === undefined) return plaintext;
  try {
    decipher.setAuthTag(sealed.subarray(-tagBytes)).final();
    return plaintext;
  } catch {
    throw invalid("Decryption failed: the ciphertext is invalid.");
  }
}
