// One key of the token as a master key: it survives the token's loss, and never takes another key for its own.

import { BrokerError, isBrokerError } from "../../../src/errors/index.ts";
import type { Binding, MasterKey, Protection, Unwrapped, Wrapped } from "../../../src/provider/index.ts";
import { wipe } from "../../../src/secret/index.ts";
import { choose, familyOf, mayUnwrap, prove, wayFor, type Choice, type KnownAnswer } from "./choose.ts";
import type { At, Connection } from "./connection.ts";
import { constantTimeEqual } from "./equal.ts";
import { disabled, meaningOf, nameOf, refused, unavailable } from "./errors.ts";
import type { Token } from "./token.ts";
import { findKey, readAttribute, type KeyFacts } from "./keys.ts";
import { CKA, CKF } from "./cryptoki.ts";
import { describeReference, type KeyReference } from "./types.ts";
import { NotThisWay, schemeOf, type Way } from "./way.ts";

/**
 * A master key's id: a PKCS#11 URI (RFC 7512) of the token's serial and the key's CKA_ID, which most tools take as it is.
 */
export function masterKeyIdOf(serial: string, keyId: string): string {
  const id = keyId.replace(/../g, (byte) => `%${byte}`);
  return `pkcs11:serial=${encodeURIComponent(serial)};id=${id}`;
}

/** Finds the key, chooses how it wraps and proves it. Throws as MasterKey says. */
export async function openMasterKey(
  connection: Connection,
  reference: KeyReference,
  formerSerials: readonly string[],
  signal: AbortSignal,
): Promise<MasterKey> {
  const key = await openTokenKey(connection, reference, signal);
  const { token, facts } = key;
  const { id } = facts;
  const protection: Protection = {
    level: token.hardware ? "hsm" : "software",
    authenticated: key.choice.way.authenticated,
  };
  const former = formerSerials.filter((serial) => serial !== token.serial);
  return masterKeyOf(key, masterKeyIdOf(token.serial, id), protection, {
    unwrapOnly: former.map((serial) => masterKeyOf(key, masterKeyIdOf(serial, id), protection, { retired: true })),
  });
}

function masterKeyOf(
  key: TokenKey,
  id: string,
  protection: Protection,
  { retired = false, unwrapOnly = [] }: { retired?: boolean; unwrapOnly?: readonly MasterKey[] },
): MasterKey {
  const { wrapLimit } = key.choice.way;
  return Object.freeze({
    id,
    unwrapOnly,
    protection,
    ...(wrapLimit === undefined ? {} : { wrapLimit }),
    wrap: (material: Uint8Array, binding: Binding, signal: AbortSignal) => key.wrap(material, binding, signal),
    async unwrap(wrapped: Uint8Array, scheme: number, binding: Binding, signal: AbortSignal): Promise<Unwrapped> {
      const material = await key.unwrap(wrapped, scheme, binding, signal);
      return { material, version: "", rewrapDue: retired || scheme !== schemeOf(key.choice.way) };
    },
    probe: (signal: AbortSignal) => key.probe(signal),
  });
}

/** The key itself: found and proven. Throws as MasterKey says. */
export async function openTokenKey(
  connection: Connection,
  reference: KeyReference,
  signal: AbortSignal,
): Promise<TokenKey> {
  const locate = (at: At) => findKey(at.cryptoki, at.session, reference);
  try {
    const found = await connection.use((at) => ({ token: at.token, facts: locate(at) }), signal);
    return new TokenKey(connection, reference, {
      ...found,
      choice: await choose(connection, locate, reference, signal),
    });
  } catch (error) {
    throw told(error, "find and prove the key", `the key with ${describeReference(reference)}`);
  }
}

/** What was found out of a key when it was opened. */
interface Opened {
  readonly token: Token;
  readonly facts: KeyFacts;
  readonly choice: Choice;
}

/** A key of the token over the connection's generations. */
class TokenKey {
  readonly token: Token;
  /** As they were when it was opened; the handle is good in that generation alone. */
  readonly facts: KeyFacts;
  readonly choice: Choice;
  readonly #connection: Connection;
  readonly #reference: KeyReference;
  #found: { readonly generation: number; readonly facts: KeyFacts } | undefined;

  constructor(connection: Connection, reference: KeyReference, { token, facts, choice }: Opened) {
    this.#connection = connection;
    this.#reference = reference;
    this.token = token;
    this.facts = facts;
    this.choice = choice;
  }

  async wrap(material: Uint8Array, binding: Binding, signal: AbortSignal): Promise<Wrapped> {
    const { way, known } = this.choice;
    if (!known) throw disabled(`${this.#words()} may unwrap alone: its attributes forbid wrapping`);
    try {
      const work = async (at: At) => way.wrap(at, await this.#locate(at), material, binding.bytes);
      return { wrapped: await this.#connection.use(work, signal), scheme: schemeOf(way), version: "" };
    } catch (error) {
      const meaning = meaningOf(error);
      if (meaning === "unclear") this.#connection.lose();
      throw this.#told(error, "wrap");
    }
  }

  async unwrap(wrapped: Uint8Array, scheme: number, binding: Binding, signal: AbortSignal): Promise<Buffer> {
    const way = wayFor(this.choice, scheme);
    if (!way) throw refused(`scheme ${scheme} is none of ${this.#words()}`);
    try {
      return await this.#unwrapOnce(way, wrapped, binding, signal);
    } catch (error) {
      if (!(await this.#wasOutage(error, signal))) throw this.#told(error, "unwrap");
    }
    // A known answer failed too: the token was lost, and the connection is made anew for this one more time.
    this.#connection.lose();
    try {
      return await this.#unwrapOnce(way, wrapped, binding, signal);
    } catch (error) {
      if (!(await this.#wasOutage(error, signal))) throw this.#told(error, "unwrap");
      this.#connection.lose();
      throw unavailable(`the token does not unwrap what it once wrapped: it answered ${nameOf(error)}`, error);
    }
  }

  /** Reads the key's attributes anew, and unwraps the known answer. */
  async probe(signal: AbortSignal): Promise<void> {
    try {
      await this.#connection.use(async (at) => {
        const key = findKey(at.cryptoki, at.session, this.#reference);
        const family = familyOf(key, this.#reference);
        if (family !== this.choice.way.family || !mayUnwrap(key, family))
          throw disabled(`${this.#words()} may no longer unwrap: its attributes were changed`);
        await this.#verify(at, key);
      }, signal);
    } catch (error) {
      if (meaningOf(error) === "unclear") this.#connection.lose();
      throw this.#told(error, "answer the probe");
    }
  }

  #unwrapOnce(way: Way, wrapped: Uint8Array, binding: Binding, signal: AbortSignal): Promise<Buffer> {
    const work = async (at: At) => way.unwrap(at, await this.#locate(at), wrapped, binding.bytes);
    return this.#connection.use(work, signal);
  }

  /** The key's handle in this generation: after a new connection the key is found again, and must prove itself. */
  async #locate(at: At): Promise<KeyFacts> {
    if (this.#found?.generation === at.generation) return this.#found.facts;
    const facts = findKey(at.cryptoki, at.session, this.#reference);
    await this.#verify(at, facts);
    this.#found = { generation: at.generation, facts };
    return facts;
  }

  /** Throws KEY_DISABLED when this is another key than before, and what the library answers when nothing can be said. */
  async #verify(at: At, key: KeyFacts): Promise<void> {
    const { way, known } = this.choice;
    if (!known) return void readAttribute(at.cryptoki, at.session, key.handle, CKA.ID);
    let again: Buffer | undefined;
    try {
      again = await way.unwrap(at, key, known.blob, known.data);
      if (constantTimeEqual(again, known.plain)) return;
    } catch (error) {
      if (!mayBeAnother(error) || !(await worksOtherwise(at, way, key, known))) throw error;
    } finally {
      wipe(again);
    }
    throw disabled(`${this.#words()} is another key than before: its label and id were given away`);
  }

  /**
   * Damaged blobs and lost tokens give the same answers: whether the token was lost is told by a blob that is known to be
   * good, in a session of its own.
   */
  async #wasOutage(error: unknown, signal: AbortSignal): Promise<boolean> {
    const meaning = meaningOf(error);
    if (meaning !== "unclear" && meaning !== "unfit") return false;
    try {
      await this.#connection.use(async (at) => this.#verify(at, await this.#locate(at)), signal);
      return false;
    } catch (second) {
      if (isBrokerError(second)) throw second;
      return meaningOf(second) !== undefined;
    }
  }

  #words(): string {
    return `the key with ${describeReference(this.#reference)}`;
  }

  #told(error: unknown, what: string): unknown {
    return told(error, what, this.#words());
  }
}

/** Whether a known answer could fail so because the key is another one. */
function mayBeAnother(error: unknown): boolean {
  if (isBrokerError(error)) return error.reason === "ENVELOPE_REFUSED";
  return ["refused", "unclear", "unfit"].includes(meaningOf(error) ?? "");
}

/** Whether the key works, and still does not open the known answer, each in a session that no failure came through. */
async function worksOtherwise(at: At, way: Way, key: KeyFacts, { blob, data }: KnownAnswer): Promise<boolean> {
  const works = await succeeds(at, async (fresh) => void (await prove(fresh, way, key)));
  return works && !(await succeeds(at, async (fresh) => wipe(await way.unwrap(fresh, key, blob, data))));
}

async function succeeds(at: At, work: (fresh: At) => Promise<void>): Promise<boolean> {
  const { cryptoki, token } = at;
  try {
    const session = cryptoki.C_OpenSession(token.slot, CKF.SERIAL_SESSION);
    await work({ ...at, session }).finally(() => cryptoki.C_CloseSession(session));
    return true;
  } catch {
    return false;
  }
}

/** The library's answer as the broker is told it; other errors as they are. */
function told(error: unknown, what: string, key: string): unknown {
  if (error instanceof NotThisWay) return disabled(`the token no longer wraps as it did: ${error.message}`, error);
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
