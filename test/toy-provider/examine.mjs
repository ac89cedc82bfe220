// What `keybroker doctor` is told: each thing that calls will need, and what to do where it is wrong.

import { access, constants } from "node:fs/promises";
import { readKeyring } from "./keyring.mjs";

/**
 * @param {import("./keyring.mjs").Keyring} keyring
 * @param {string[]} names
 * @param {AbortSignal} signal
 * @returns {AsyncIterable<import("keybroker/provider").Finding>}
 */
export async function* examine(keyring, names, signal) {
  const { folder } = keyring;
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (writable) yield { check: "folder", outcome: "good", detail: `${folder} can be written: rotation works` };
  else yield { check: "folder", outcome: "note", detail: `${folder} cannot be written: rotation does not work` };
  for (const name of names) {
    const check = `key ${name}`;
    try {
      const { versions } = await readKeyring(keyring, name, signal);
      yield { check, outcome: "good", detail: `${Object.keys(versions).length} versions` };
    } catch (error) {
      if (signal.aborted) throw error;
      yield {
        check,
        outcome: "bad",
        detail: /** @type {Error} */ (error).message,
        fix: `look at ${folder}/${name}.json as the daemon's user`,
      };
    }
  }
}
