// Where a secret is, and how its bytes are read: without a schema, so that a provider's child need not load one.

import { BrokerError } from "../errors/index.ts";
import { readSecretFile, statSecretFile } from "./secret-file.ts";
import { hasVariable, takeVariable } from "./variables.ts";

/** Where a secret is. It holds no secret itself: it may be logged, compared and serialised. */
export interface SecretSource {
  /** `variable NAME` or `file /path`: for messages. */
  describe(): string;
  /**
   * The secret's bytes as they stand, in a buffer of its own that the caller wipes; at most 64 KiB. Throws
   * REQUEST_INVALID, naming the variable or file, when it is gone.
   */
  read(): Buffer;
  /** What JSON.stringify makes of it: `secretStamp`, so a digest over settings changes when the secret does. */
  toJSON(): string;
}

/**
 * What tells one state of a secret from the next without its value or a digest of it: for a file its device, inode,
 * size and time of change; for a variable, which cannot change while the process runs, its name. Throws
 * REQUEST_INVALID when the variable is not set or the file is not there.
 */
export function secretStamp(source: SecretSource): string {
  return source.toJSON();
}

/** A secret in an environment variable. */
export function variableSource(name: string): SecretSource {
  const describe = () => `variable ${name}`;
  const missing = () => new BrokerError("REQUEST_INVALID", `the environment variable ${name} is not set`);
  return Object.freeze({
    describe,
    read() {
      const bytes = takeVariable(name);
      if (!bytes) throw missing();
      return bytes;
    },
    toJSON() {
      if (!hasVariable(name)) throw missing();
      return describe();
    },
  });
}

/** A secret in a file, read as it stands at the time of reading. */
export function fileSource(path: string): SecretSource {
  const describe = () => `file ${path}`;
  return Object.freeze({
    describe,
    read: () => readSecretFile(path),
    toJSON: () => `${describe()} ${fileStamp(path)}`,
  });
}

/** What tells one state of a file from the next, as above. Throws REQUEST_INVALID when it is not there. */
export function fileStamp(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSecretFile(path);
  return [dev, ino, size, mtimeNs, ctimeNs].join(".");
}
