// One key of the token over the connection's life: it survives the token's loss, and takes no other key for itself.

import { BrokerError, isBrokerError } from "../../../src/errors/index.ts";
import type { Binding, Wrapped } from "../../../src/provider/index.ts";
import { choose, familyOf, mayUnwrap, wayFor, type Choice } from "./choose.ts";
import type { At, Connection } from "./connection.ts";
import { disabled, meaningOf, nameOf, refused, unavailable } from "./errors.ts";
import { findKey, type KeyFacts } from "./keys.ts";
import type { Token } from "./token.ts";
import { describeReference, type KeyReference } from "./types.ts";
import { verify } from "./verify.ts";
import { NotThisWay, schemeOf, type Way } from "./way.ts";

/** A key, found and proven. Its calls throw as MasterKey's do. */
export interface TokenKey {
  readonly token: Token;
  /** As they were when it was opened; the handle is good in that generation alone. */
  readonly facts: KeyFacts;
  /** How it wraps, as it was last proven. */
  choice(): Choice;
  wrap(material: Uint8Array, binding: Binding, signal: AbortSignal): Promise<Wrapped>;
  unwrap(wrapped: Uint8Array, scheme: number, binding: Binding, signal: AbortSignal): Promise<Buffer>;
  /** Reads the key's attributes anew, and unwraps a blob that is known. */
  probe(signal: AbortSignal): Promise<void>;
}

/** Finds and proves a key. Throws KEY_DISABLED, in words, and PROVIDER_UNAVAILABLE. */
export async function openTokenKey(
  connection: Connection,
  reference: KeyReference,
  signal: AbortSignal,
): Promise<TokenKey> {
  const locate = (at: At) => findKey(at.cryptoki, at.session, reference);
  const words = wordsOf(reference);
  try {
    const { token, facts } = await connection.use((at) => ({ token: at.token, facts: locate(at) }), signal);
    const choice = await choose(connection, locate, reference, signal);
    return tokenKeyOf({ connection, reference, words, token, facts }, choice);
  } catch (error) {
    throw told(error, "find and prove the key", words);
  }
}

interface Parts {
  readonly connection: Connection;
  readonly reference: KeyReference;
  /** The key, for messages. */
  readonly words: string;
  readonly token: Token;
  readonly facts: KeyFacts;
}

function tokenKeyOf(parts: Parts, first: Choice): TokenKey {
  const { connection, words, token, facts } = parts;
  const held = holdKey(parts, first);
  return {
    token,
    facts,
    choice: held.choice,
    async wrap(material, binding, signal) {
      try {
        return await held.wrapOnce(material, binding, signal);
      } catch (error) {
        if (meaningOf(error) === "unclear") connection.lose();
        if (!(error instanceof NotThisWay) && meaningOf(error) !== "unfit") throw told(error, "wrap", words);
      }
      // The token wraps otherwise than before, as it does after a change of its firmware or its FIPS mode.
      try {
        await held.chooseAnew(signal);
        return await held.wrapOnce(material, binding, signal);
      } catch (error) {
        throw unavailable(`the token wraps otherwise than before: ${said(error)}`, error);
      }
    },
    async unwrap(wrapped, scheme, binding, signal) {
      const way = wayFor(held.choice(), scheme);
      if (!way) throw refused(`scheme ${scheme} is none of ${words}`);
      try {
        return await held.unwrapOnce(way, wrapped, binding, signal);
      } catch (error) {
        if (!(await held.wasOutage(error, signal))) throw told(error, "unwrap", words);
      }
      // A known blob failed too: the token was lost, and the connection is made anew for this one more time.
      connection.lose();
      try {
        return await held.unwrapOnce(way, wrapped, binding, signal);
      } catch (error) {
        if (!(await held.wasOutage(error, signal))) throw told(error, "unwrap", words);
        connection.lose();
        throw unavailable(`the token does not unwrap what it once wrapped: ${said(error)}`, error);
      }
    },
    async probe(signal) {
      try {
        await connection.use(held.probeAt, signal);
      } catch (error) {
        if (meaningOf(error) === "unclear") connection.lose();
        throw told(error, "answer the probe", words);
      }
    },
  };
}

/** The key as it is used: found again in each generation of the connection, and chosen for anew when it must be. */
function holdKey({ connection, reference, words }: Parts, first: Choice) {
  let choice = first;
  let found: { readonly generation: number; readonly facts: KeyFacts } | undefined;

  async function locate(at: At): Promise<KeyFacts> {
    if (found?.generation === at.generation) return found.facts;
    const facts = findKey(at.cryptoki, at.session, reference);
    await verify(at, facts, choice, words);
    found = { generation: at.generation, facts };
    return facts;
  }

  return {
    choice: () => choice,
    async chooseAnew(signal: AbortSignal): Promise<void> {
      choice = await choose(connection, locate, reference, signal);
    },
    async wrapOnce(material: Uint8Array, binding: Binding, signal: AbortSignal): Promise<Wrapped> {
      const { way, known } = choice;
      if (!known) throw disabled(`${words} may unwrap alone: its attributes forbid wrapping`);
      const work = async (at: At) => way.wrap(at, await locate(at), material, binding.bytes);
      return { wrapped: await connection.use(work, signal), scheme: schemeOf(way), version: "" };
    },
    unwrapOnce: (way: Way, wrapped: Uint8Array, binding: Binding, signal: AbortSignal): Promise<Buffer> =>
      connection.use(async (at) => way.unwrap(at, await locate(at), wrapped, binding.bytes), signal),
    async probeAt(this: void, at: At): Promise<void> {
      const facts = findKey(at.cryptoki, at.session, reference);
      const family = familyOf(facts, reference);
      if (family !== choice.way.family || !mayUnwrap(facts, family))
        throw disabled(`${words} may no longer unwrap: its attributes were changed`);
      await verify(at, facts, choice, words);
    },
    /**
     * Damaged blobs and lost tokens give the same answers: which of them it was is told by a blob that is known to be
     * good, in a session of its own.
     */
    async wasOutage(error: unknown, signal: AbortSignal): Promise<boolean> {
      const meaning = meaningOf(error);
      if (!(error instanceof NotThisWay) && meaning !== "unclear" && meaning !== "unfit") return false;
      try {
        await connection.use(async (at) => verify(at, await locate(at), choice, words), signal);
        return false;
      } catch (second) {
        if (isBrokerError(second)) throw second;
        return true;
      }
    },
  };
}

function wordsOf(reference: KeyReference): string {
  return `the key with ${describeReference(reference)}`;
}

function said(error: unknown): string {
  return isBrokerError(error) || error instanceof NotThisWay ? error.message : `it answered ${nameOf(error)}`;
}

/** The library's answer as the broker is told it; other errors as they are. */
function told(error: unknown, what: string, key: string): unknown {
  if (error instanceof NotThisWay && what === "unwrap") return refused(error.message, error);
  if (error instanceof NotThisWay) return unavailable(`the token does not ${what}: ${error.message}`, error);
  const answer = `the token does not ${what}: it answered ${nameOf(error)}`;
  switch (meaningOf(error)) {
    case undefined:
      return error;
    case "refused":
      return refused(nameOf(error), error);
    case "disabled":
    case "pin":
    case "pinBlocked":
      return disabled(`${key} may not be used: the token answered ${nameOf(error)}`, error);
    case "unclear":
    case "unfit":
      return what === "unwrap" ? refused(nameOf(error), error) : unavailable(answer, error);
    case "busy":
      return new BrokerError("PROVIDER_UNAVAILABLE", answer, { cause: error, retryAfterMs: 100 });
    case "lost":
      return unavailable(answer, error);
  }
}
