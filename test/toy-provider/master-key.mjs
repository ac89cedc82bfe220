// A master key of the toy: AES-256-GCM under a version's key. Scheme 1 of kind 200.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { BrokerError } from "keybroker/errors";
import { disabled, refused } from "./errors.mjs";
import { addVersion, changeKeyring, readKeyring, versionKey } from "./keyring.mjs";

/** u32 version ‖ 12-byte nonce ‖ ciphertext ‖ 16-byte tag; associated data: u32 version ‖ the binding's bytes. */
export const scheme = 1;

const versionBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = versionBytes + nonceBytes;
const tag = { authTagLength: tagBytes };

/**
 * @param {import("./keyring.mjs").Keyring} keyring
 * @param {string} name
 * @param {import("./keyring.mjs").KeyFile} file
 * @returns {import("keybroker/provider").MasterKey}
 */
export function masterKeyOf(keyring, name, file) {
  return {
    // Drawn when the file was made: a file of the same name that replaces it is another master key.
    id: `${name}/${file.id}`,
    // GCM with random nonces: NIST SP 800-38D, section 8.3.
    wrapLimit: 2 ** 32,
    protection: { level: "software", authenticated: true },
    async wrap(material, binding, signal) {
      const now = await readKeyring(keyring, name, signal);
      const version = primaryOf(now);
      return { wrapped: seal(versionKey(keyring, now, version), version, material, binding), scheme, version };
    },
    async unwrap(wrapped, usedScheme, binding, signal) {
      if (usedScheme !== scheme || wrapped.length <= headBytes + tagBytes) throw refused();
      const now = await readKeyring(keyring, name, signal);
      const version = String(Buffer.from(wrapped).readUInt32BE());
      if (!Object.hasOwn(now.versions, version)) throw refused();
      if (now.versions[version].state === "disabled") throw disabled(version);
      const material = unseal(versionKey(keyring, now, version), wrapped, binding);
      return { material, version, rewrapDue: now.versions[version].state !== "primary" };
    },
    async probe(signal) {
      primaryOf(await readKeyring(keyring, name, signal));
    },
    async versions(signal) {
      const { versions } = await readKeyring(keyring, name, signal);
      return Object.entries(versions).map(([version, { state, createdAt }]) => {
        return { version, state, createdAt: new Date(createdAt) };
      });
    },
    rotate: (signal) => changeKeyring(keyring, name, signal, addVersion),
    setVersionState: (version, state, signal) =>
      changeKeyring(keyring, name, signal, (now) => setState(now, version, state)),
  };
}

/**
 * @typedef {import("./keyring.mjs").KeyFile} KeyFile
 * @typedef {import("keybroker/provider").Binding} Binding
 */

/** @param {KeyFile} file */
function primaryOf({ versions }) {
  const found = Object.keys(versions).find((version) => versions[version].state === "primary");
  if (found === undefined) throw disabled(String(Object.keys(versions).length));
  return found;
}

/**
 * @param {KeyFile} file
 * @param {string} version
 * @param {import("keybroker/provider").VersionState} state
 */
function setState({ versions }, version, state) {
  if (!Object.hasOwn(versions, version)) throw new BrokerError("REQUEST_INVALID", `there is no version ${version}`);
  const others = Object.values(versions).filter((other) => other.state === "primary");
  if (state === "primary") for (const other of others) other.state = "enabled";
  versions[version].state = state;
}

/**
 * Wipes the key.
 *
 * @param {Buffer} key
 * @param {string} version
 * @param {Uint8Array} material
 * @param {Binding} binding
 */
function seal(key, version, material, binding) {
  const wrapped = Buffer.alloc(headBytes + material.length + tagBytes);
  wrapped.writeUInt32BE(Number(version));
  wrapped.set(randomBytes(nonceBytes), versionBytes);
  const cipher = createCipheriv("aes-256-gcm", key, wrapped.subarray(versionBytes, headBytes), tag);
  key.fill(0);
  cipher.setAAD(associated(wrapped, binding));
  wrapped.set(cipher.update(material), headBytes);
  cipher.final();
  wrapped.set(cipher.getAuthTag(), headBytes + material.length);
  return wrapped;
}

/**
 * Wipes the key.
 *
 * @param {Buffer} key
 * @param {Uint8Array} wrapped
 * @param {Binding} binding
 */
function unseal(key, wrapped, binding) {
  const decipher = createDecipheriv("aes-256-gcm", key, wrapped.subarray(versionBytes, headBytes), tag);
  key.fill(0);
  decipher.setAAD(associated(wrapped, binding));
  decipher.setAuthTag(wrapped.subarray(-tagBytes));
  // What update() answers has memory of its own, and is handed over.
  const material = decipher.update(wrapped.subarray(headBytes, -tagBytes));
  try {
    decipher.final();
  } catch {
    material.fill(0);
    throw refused();
  }
  return material;
}

/** @param {Uint8Array} wrapped @param {Binding} binding */
const associated = (wrapped, binding) => Buffer.concat([wrapped.subarray(0, versionBytes), binding.bytes]);
