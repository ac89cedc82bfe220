// A master key's file: its id, and for each version a salt and a state. None of it is secret.

import { hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { providerError } from "./errors.mjs";

/**
 * @typedef {{ folder: string, root(): import("node:crypto").KeyObject }} Keyring
 * @typedef {import("keybroker/provider").VersionState} VersionState
 * @typedef {{ state: VersionState, salt: string, createdAt: string }} Version
 * @typedef {{ id: string, versions: Record<string, Version> }} KeyFile
 */

/** @param {{ folder: string }} keyring @param {string} name */
const pathOf = ({ folder }, name) => join(folder, `${name}.json`);

/** @returns {Version} */
const newVersion = () => ({
  state: "primary",
  salt: randomBytes(32).toString("base64"),
  createdAt: new Date().toISOString(),
});

/**
 * Makes a master key; for people, who do it once.
 *
 * @param {string} folder
 * @param {string} name
 */
export async function createMasterKey(folder, name) {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = { id: randomUUID(), versions: { 1: newVersion() } };
  await writeFile(pathOf({ folder }, name), JSON.stringify(file), { flag: "wx", mode: 0o600 });
}

/**
 * @param {Keyring} keyring
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<KeyFile>}
 */
export async function readKeyring(keyring, name, signal) {
  keyring.root();
  try {
    return JSON.parse(await readFile(pathOf(keyring, name), { encoding: "utf8", signal }));
  } catch (error) {
    throw providerError(error, pathOf(keyring, name));
  }
}

/**
 * Changes the file as a whole: readers see the old one or the new one. A second change at the same time is refused.
 *
 * @template T
 * @param {Keyring} keyring
 * @param {string} name
 * @param {AbortSignal} signal
 * @param {(file: KeyFile) => T} change
 * @returns {Promise<T>}
 */
export async function changeKeyring(keyring, name, signal, change) {
  const file = await readKeyring(keyring, name, signal);
  const answer = change(file);
  const path = pathOf(keyring, name);
  try {
    await writeFile(`${path}.new`, JSON.stringify(file), { flag: "wx", mode: 0o600, signal });
    await rename(`${path}.new`, path);
  } catch (error) {
    throw providerError(error, path);
  }
  return answer;
}

/** Adds a version that new wraps use. @param {KeyFile} file */
export function addVersion(file) {
  for (const version of Object.values(file.versions)) if (version.state === "primary") version.state = "enabled";
  const name = String(Object.keys(file.versions).length + 1);
  file.versions[name] = newVersion();
  return name;
}

/**
 * The 32 bytes of a version's key; the caller wipes them.
 *
 * @param {Keyring} keyring
 * @param {KeyFile} file
 * @param {string} version
 */
export function versionKey(keyring, file, version) {
  const salt = Buffer.from(file.versions[version].salt, "base64");
  return Buffer.from(hkdfSync("sha512", keyring.root(), salt, `keybroker-toy ${file.id} ${version}`, 32));
}
