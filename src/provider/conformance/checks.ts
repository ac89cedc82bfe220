// How cases check that something failed, and in the right way.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { isBrokerError } from "../../errors/index.ts";
import type { Reason } from "../../errors/index.ts";

/** The error that a promise rejects with: a BrokerError with one of these reasons. */
export async function rejects(promise: Promise<unknown>, reasons: readonly Reason[], what: string): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  assert(error !== undefined, `${what}: it was answered`);
  assert(isBrokerError(error), `${what}: the error is no BrokerError: ${inspect(error)}`);
  assert(reasons.includes(error.reason), `${what}: ${error.reason} instead of ${reasons.join(" or ")}`);
  return error;
}

/** A refusal, or an answer that is not what was wrapped: the broker's own hash catches the latter. */
export async function neverTheSame(
  promise: Promise<{ readonly material: Buffer }>,
  plain: Buffer,
  what: string,
): Promise<void> {
  try {
    const { material: answered } = await promise;
    assert(!answered.equals(plain), `${what}: the material came back`);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert(isBrokerError(error), `${what}: the error is no BrokerError: ${inspect(error)}`);
    assert.equal(error.reason, "ENVELOPE_REFUSED", what);
  }
}

/** The bytes with one bit changed. */
export function flipped(bytes: Uint8Array, index: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[index]! ^= 1;
  return changed;
}

/** Everything that a log could print of an error. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error);
  const fields = Object.getOwnPropertyNames(error).map((name) => String((error as never)[name]));
  return [...fields, error.cause === undefined ? "" : wordsOf(error.cause)].join("\n");
}
