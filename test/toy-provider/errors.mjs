// What the file system's errors mean to the broker: one table.

import { BrokerError } from "keybroker/errors";

/** @type {Record<string, [reason: import("keybroker/errors").Reason, what: string]>} */
const meanings = {
  // Not KEY_DISABLED: a file system that is not mounted looks the same.
  ENOENT: ["PROVIDER_UNAVAILABLE", "is not there: is the folder right, and mounted?"],
  EACCES: ["KEY_DISABLED", "is not the daemon's to use: see its owner and mode"],
  EPERM: ["KEY_DISABLED", "is not the daemon's to use: see its owner and mode"],
  EEXIST: ["PROVIDER_UNAVAILABLE", "is being changed: try again, and remove its .new file if nobody changes it"],
  EIO: ["PROVIDER_UNAVAILABLE", "cannot be read: the disk fails"],
  ENOSPC: ["PROVIDER_UNAVAILABLE", "cannot be changed: the disk is full"],
  EROFS: ["PROVIDER_UNAVAILABLE", "cannot be changed: the file system is read-only"],
};

/** The BrokerError for a known error; any other stays as it is, becomes INTERNAL and is counted.
 *
 * @param {any} error @param {string} path */
export function providerError(error, path) {
  const meaning = meanings[error?.code];
  return meaning ? new BrokerError(meaning[0], `the file ${path} ${meaning[1]}`, { cause: error }) : error;
}

/** This blob is not one of this master key for this binding, or was changed. */
export const refused = () =>
  new BrokerError("ENVELOPE_REFUSED", "this master key did not make this blob for this binding");

/** @param {string} version */
export const disabled = (version) =>
  new BrokerError("KEY_DISABLED", `version ${version} of the master key is disabled`);
