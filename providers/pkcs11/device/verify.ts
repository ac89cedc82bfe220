// Whether a key is the one that it was, asked by a blob whose content is known.

import { isBrokerError } from "../../../src/errors/index.ts";
import { wipe } from "../../../src/secret/index.ts";
import { prove, type Choice, type KnownAnswer } from "./choose.ts";
import type { At } from "./connection.ts";
import { CKA, CKF } from "./cryptoki.ts";
import { constantTimeEqual } from "./equal.ts";
import { disabled, meaningOf } from "./errors.ts";
import { readAttribute, type KeyFacts } from "./keys.ts";
import { NotThisWay, type Way } from "./way.ts";

/**
 * Unwraps the known blob; for a key that never wrapped here there is none, and its attributes are read. Throws KEY_DISABLED
 * when this is another key than before (`words` says which), NotThisWay when it answers wrongly, and what the library
 * answers when it does not answer at all.
 */
export async function verify(at: At, key: KeyFacts, { way, known }: Choice, words: string): Promise<void> {
  if (!known) return void readAttribute(at.cryptoki, at.session, key.handle, CKA.ID);
  const failure = await ask(at, way, key, known);
  if (!failure) return;
  if (mayBeAnother(failure) && (await worksOtherwise(at, way, key, known)))
    throw disabled(`${words} is another key than before: its label and id were given away`);
  if (isBrokerError(failure)) throw new NotThisWay("a known blob unwraps no more");
  throw failure;
}

/** What is wrong with the answer; undefined when it is right. */
async function ask(at: At, way: Way, key: KeyFacts, { blob, data, plain }: KnownAnswer): Promise<Error | undefined> {
  let again: Buffer | undefined;
  try {
    again = await way.unwrap(at, key, blob, data);
    return constantTimeEqual(again, plain) ? undefined : new NotThisWay("a known blob unwraps to something else");
  } catch (error) {
    return error as Error;
  } finally {
    wipe(again);
  }
}

/** Whether the question could fail so because the key is another one. */
function mayBeAnother(failure: Error): boolean {
  if (isBrokerError(failure)) return failure.reason === "ENVELOPE_REFUSED";
  return failure instanceof NotThisWay || ["refused", "unclear", "unfit"].includes(meaningOf(failure) ?? "");
}

/** Whether the key works, and still does not open the known blob, each in a session that no failure came through. */
async function worksOtherwise(at: At, way: Way, key: KeyFacts, known: KnownAnswer): Promise<boolean> {
  const works = await inOwnSession(at, async (fresh) => {
    await prove(fresh, way, key);
    return true;
  });
  return works && !(await inOwnSession(at, async (fresh) => (await ask(fresh, way, key, known)) === undefined));
}

/** Answers false, too, when it fails. */
async function inOwnSession(at: At, work: (fresh: At) => Promise<boolean>): Promise<boolean> {
  const { cryptoki, token } = at;
  try {
    const session = cryptoki.C_OpenSession(token.slot, CKF.SERIAL_SESSION);
    return await work({ ...at, session }).finally(() => cryptoki.C_CloseSession(session));
  } catch {
    return false;
  }
}
