// What in a configuration may refer elsewhere: plain text, secrets, and files that hold none.

import { z } from "zod";
import { fileSource, fileStamp, secretStamp, variableSource } from "./secret-source.ts";
import type { SecretSource } from "./secret-source.ts";
import { takeVariable } from "./variables.ts";

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

/** A file that holds no secret. */
export interface PlainFile {
  readonly path: string;
  /** It makes a digest over settings change when the file does, so that a reload opens the provider anew. */
  readonly stamp: string;
}

/** The absolute path of a file that holds no secret and is read when the provider is opened; it must be there. */
export function file() {
  return text().transform((path, context): PlainFile => {
    try {
      if (path.startsWith("/")) return { path, stamp: fileStamp(path) };
      context.addIssue({ code: "custom", message: "expected an absolute path" });
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
    }
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
