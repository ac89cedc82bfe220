// Errors on their way out of a child: a BrokerError by reason, message and delay; of others what cannot be a secret.

import { BrokerError, isBrokerError, reasons } from "../../errors/index.ts";
import type { Reason } from "../../errors/index.ts";

/** What is told of an error that is not ours, or of a cause: never its message, which may quote what it was given. */
interface Origin {
  readonly name: string;
  readonly code?: string;
  readonly frames: readonly string[];
}

/** An error as it travels. */
export interface PackedError {
  readonly reason?: string;
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly origin?: Origin;
}

const word = /^[A-Za-z_$][A-Za-z0-9_$.-]{0,63}$/;
const frame = /^\s+at [^\n]{1,300}:\d+:\d+\)?$/;
const maxMessageLength = 2_000;
const maxFrames = 8;

/** What the daemon is told of an error. */
export function packError(error: unknown): PackedError {
  if (!isBrokerError(error)) return { origin: originOf(error) };
  const { reason, message, retryAfterMs, cause } = error;
  return {
    reason,
    message: message.slice(0, maxMessageLength),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(cause !== undefined && { origin: originOf(cause) }),
  };
}

function originOf(error: unknown): Origin {
  if (!(error instanceof Error)) return { name: typeof error, frames: [] };
  const { code } = error as NodeJS.ErrnoException;
  const name = word.test(error.name) ? error.name : "Error";
  return { name, ...(typeof code === "string" && word.test(code) && { code }), frames: framesOf(error) };
}

/** The stack without the message above it, whose lines could look like frames. */
function framesOf({ stack = "", message }: Error): string[] {
  const end = stack.indexOf(message);
  if (end === -1) return [];
  const lines = stack.slice(end + message.length).split("\n");
  return lines.filter((line) => frame.test(line)).slice(0, maxFrames);
}

/** The error that a caller in the daemon gets. What is not as `packError` makes it is left out: a child may lie. */
export function unpackError(packed: unknown, kind: string): Error {
  const { reason, message, retryAfterMs, origin } = (packed ?? {}) as Partial<PackedError>;
  const cause = origin === undefined ? undefined : errorOf(origin, kind);
  if (typeof reason !== "string" || !Object.hasOwn(reasons, reason) || typeof message !== "string")
    return cause ?? new Error(`the ${kind} provider's process told no reason`);
  const delay = typeof retryAfterMs === "number" && retryAfterMs >= 0 ? { retryAfterMs } : {};
  return new BrokerError(reason as Reason, message.slice(0, maxMessageLength), { cause, ...delay });
}

function errorOf({ name, code, frames }: Partial<Origin>, kind: string): Error {
  const error: NodeJS.ErrnoException = new Error(`thrown in the ${kind} provider's process`);
  if (typeof name === "string" && word.test(name)) error.name = name;
  if (typeof code === "string" && word.test(code)) error.code = code;
  const lines: unknown[] = Array.isArray(frames) ? frames : [];
  const places = lines.filter((line) => typeof line === "string" && frame.test(line));
  error.stack = [`${error.name}: ${error.message}`, ...places.slice(0, maxFrames)].join("\n");
  return error;
}
