// The two kinds of text in a configuration that may refer elsewhere: plain text and secrets.

import { z } from "zod";
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

const variableReference = /^\$\{([A-Za-z_][A-Za-z0-9_]{0,254})\}$/;
const secretReference = /^(\$\{[A-Za-z_][A-Za-z0-9_]{0,254}\}|file:\/.+)$/;

/** Text of the configuration: as it stands, or whole-value `${NAME}` for an environment variable that must be set. */
export function text() {
  return z.string().transform((value, context) => {
    const name = variableReference.exec(value)?.[1];
    if (name === undefined && !value.includes("${")) return value;
    // A relaunched process gets every variable that its configuration names by hand: text ones too.
    const found = name === undefined ? undefined : (process.env[name] ?? takeVariable(name)?.toString());
    if (found) return found;
    const message =
      name === undefined
        ? "a ${NAME} reference must be the whole value: put the rest into the variable too"
        : `the environment variable ${name} is ${found === "" ? "empty" : "not set"}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** A secret: `${NAME}` for an environment variable or `file:/path`; a literal is refused, and not repeated. */
export function secret() {
  return z
    .string()
    .regex(secretReference, "a secret never stands here itself: write ${NAME} for a variable or file:/path for a file")
    .transform((value, context): SecretSource => {
      const name = variableReference.exec(value)?.[1];
      const source = name === undefined ? fileSource(value.slice("file:".length)) : variableSource(name);
      try {
        secretStamp(source);
      } catch (error) {
        context.addIssue({ code: "custom", message: (error as Error).message });
        return z.NEVER;
      }
      return source;
    });
}

/**
 * What tells one state of a secret from the next without its value or a digest of it: for a file its device, inode,
 * size and time of change; for a variable, which cannot change while the process runs, its name. Throws
 * REQUEST_INVALID when the variable is not set or the file is not there.
 */
export function secretStamp(source: SecretSource): string {
  return source.toJSON();
}

function variableSource(name: string): SecretSource {
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

function fileSource(path: string): SecretSource {
  const describe = () => `file ${path}`;
  return Object.freeze({
    describe,
    read: () => readSecretFile(path),
    toJSON: () => `${describe()} ${fileStamp(path)}`,
  });
}

function fileStamp(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSecretFile(path);
  return [dev, ino, size, mtimeNs, ctimeNs].join(".");
}
