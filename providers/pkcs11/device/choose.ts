// Chooses how a key wraps: by what its attributes allow, and by what the token is proven to do.

import { constantTimeEqual } from "./equal.ts";
import type { At, Connection } from "./connection.ts";
import { CKA, CKK, CKM, CKO } from "./cryptoki.ts";
import { disabled, meaningOf, nameOf, unavailable } from "./errors.ts";
import type { KeyFacts } from "./keys.ts";
import { slowMs } from "./calls.ts";
import { gcmWays } from "./schemes/gcm.ts";
import { keyWrapWays } from "./schemes/key-wrap.ts";
import { rsaWays } from "./schemes/rsa-oaep.ts";
import { isBrokerError } from "../../../src/errors/index.ts";
import { randomBytes, wipe } from "../../../src/secret/index.ts";
import { describeReference, type KeyReference } from "./types.ts";
import { materialBytes, NotThisWay, schemeOf, type Family, type Way } from "./way.ts";

/** Random bytes and the blob that the token made of them: what the key is known by afterwards. */
export interface KnownAnswer {
  readonly plain: Buffer;
  readonly data: Buffer;
  readonly blob: Buffer;
}

/** How a key wraps, and the proof that it does; without a proof it only unwraps. */
export interface Choice {
  readonly way: Way;
  readonly known: KnownAnswer | undefined;
}

/** Finds the key anew, in the connection as it is. */
export type Locate = (at: At) => KeyFacts | Promise<KeyFacts>;

const waysOf: Readonly<Record<Family, () => Way[]>> = { "key-wrap": keyWrapWays, gcm: gcmWays, rsa: rsaWays };

/**
 * The family of a key's ways: its type, its attributes and the reference decide, never what the token can do today,
 * since one key must not be used with two mechanisms. A key that may do both does key wrap, unless `scheme` says
 * otherwise. Throws KEY_DISABLED, in words, when the key may do nothing of it.
 */
export function familyOf(key: KeyFacts, reference: KeyReference): Family {
  const named = `the key with ${describeReference(reference)}`;
  if (key.type === "rsa") return rsaFamily(key, reference, named);
  if (key.type !== "aes") throw disabled(`${named} is neither an AES nor an RSA key`);
  if (key.bits !== undefined && key.bits !== 256) throw disabled(`${named} has ${key.bits} bits: AES keys need 256`);
  const { scheme } = reference;
  if (scheme?.startsWith("rsa-")) throw disabled(`${named} is an AES key: ${scheme} needs an RSA one`);
  const forced = scheme === undefined ? undefined : scheme === "key-wrap" ? "key-wrap" : "gcm";
  if (forced !== "gcm" && mayUnwrap(key, "key-wrap")) return "key-wrap";
  if (forced !== "key-wrap" && mayUnwrap(key, "gcm")) return "gcm";
  throw disabled(`${named} may not ${forced === "gcm" ? "decrypt by AES-GCM" : "unwrap"}: its attributes forbid it`);
}

function rsaFamily(key: KeyFacts, { scheme, allowUnauthenticatedWrap }: KeyReference, named: string): Family {
  if (!allowUnauthenticatedWrap)
    throw disabled(
      `${named} is an RSA key, which proves nothing of who wrapped: to use it, set allowUnauthenticatedWrap: true`,
    );
  if (scheme !== undefined && !scheme.startsWith("rsa-")) throw disabled(`${named} is an RSA key: ${scheme} needs AES`);
  if (key.bits !== undefined && key.bits < 2_048) throw disabled(`${named} has ${key.bits} bits: RSA keys need 2048`);
  if (!mayUnwrap(key, "rsa")) throw disabled(`${named} may not decrypt by RSA-OAEP: its attributes forbid it`);
  return "rsa";
}

const mechanismsOf: Readonly<Record<Family, readonly number[]>> = {
  "key-wrap": [CKM.AES_KEY_WRAP_KWP, CKM.AES_KEY_WRAP_PAD],
  gcm: [CKM.AES_GCM],
  rsa: [CKM.RSA_PKCS_OAEP],
};

/** Whether a key's attributes let it unwrap. */
export function mayUnwrap(key: KeyFacts, family: Family): boolean {
  return (family === "key-wrap" ? key.unwraps : key.decrypts) && mayUse(key, mechanismsOf[family]);
}

function mayWrap(key: KeyFacts, family: Family): boolean {
  if (family === "rsa") return true;
  return family === "key-wrap" ? key.wraps : key.encrypts;
}

function mayUse({ mechanisms }: KeyFacts, wanted: readonly number[]): boolean {
  return mechanisms === undefined || wanted.some((mechanism) => mechanisms.includes(mechanism));
}

/**
 * The first way that is proven to work. Throws KEY_DISABLED with every reason when none does; PROVIDER_UNAVAILABLE when
 * that may be the token's state.
 */
export async function choose(
  connection: Connection,
  locate: Locate,
  reference: KeyReference,
  signal: AbortSignal | undefined,
): Promise<Choice> {
  const { key, there } = await connection.use(async (at) => {
    return { key: await locate(at), there: at.cryptoki.C_GetMechanismList(at.token.slot) };
  }, signal);
  const family = familyOf(key, reference);
  const ways = waysOf[family]().filter(({ name }) => (reference.scheme ?? name) === name);
  const reasons: string[] = [];
  for (const way of ways) {
    const reason = mayUse(key, [way.mechanism])
      ? there.includes(way.mechanism)
        ? undefined
        : "the token has none"
      : "the key forbids it";
    if (reason !== undefined) {
      reasons.push(`${way.mechanismName}: ${reason}`);
      continue;
    }
    if (!mayWrap(key, family)) return { way, known: undefined };
    const tried = await attempt(connection, locate, way, signal);
    if (typeof tried !== "string") return { way, known: tried };
    reasons.push(`${way.name} by ${way.mechanismName}: ${tried}`);
  }
  throw disabled(
    `no way of wrapping works with the key with ${describeReference(reference)}: ${[...new Set(reasons)].join("; ")}`,
  );
}

/** The proof that a way works, or why it does not. */
async function attempt(
  connection: Connection,
  locate: Locate,
  way: Way,
  signal: AbortSignal | undefined,
): Promise<KnownAnswer | string> {
  try {
    if (way.check) await connection.use((at) => way.check!(at), signal);
    if (way.risky) await connection.use((at) => proveOnce(at, way), signal);
    const known = await connection.use(async (at) => {
      const key = await locate(at);
      const proof = await prove(at, way, key);
      if (await isSlow(at, way, key, proof)) connection.slowed();
      return proof;
    }, signal);
    if (way.bindsData) await proveBinding(connection, locate, way, known, signal);
    return known;
  } catch (error) {
    if (error instanceof NotThisWay) return error.message;
    if (isBrokerError(error) && error.reason === "ENVELOPE_REFUSED") return error.message;
    const meaning = meaningOf(error);
    if (meaning === undefined) throw error;
    if (meaning === "busy") throw unavailable(`the token is busy: it answered ${nameOf(error)}`, error);
    return nameOf(error);
  }
}

/** Wraps random bytes and unwraps them again. Throws NotThisWay when others come back. */
export async function prove(at: At, way: Way, key: KeyFacts): Promise<KnownAnswer> {
  const plain = randomBytes(materialBytes);
  const data = Buffer.from("keybroker/1;known-answer");
  const blob = await way.wrap(at, key, plain, data);
  const again = await way.unwrap(at, key, blob, data);
  if (!constantTimeEqual(again, plain)) throw new NotThisWay("what was wrapped unwraps to something else");
  wipe(again);
  return { plain, data, blob };
}

/** A token that opens a blob with other associated data than it was made with ignores them. */
async function proveBinding(
  connection: Connection,
  locate: Locate,
  way: Way,
  { blob }: KnownAnswer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const other = Buffer.from("keybroker/1;another-answer");
  const opened = connection.use(async (at) => way.unwrap(at, await locate(at), blob, other), signal);
  try {
    wipe(await opened);
  } catch (error) {
    if (meaningOf(error) === undefined && !isBrokerError(error)) throw error;
    return;
  }
  throw new NotThisWay("the token ignores associated data");
}

/** The fastest of three: a busy machine makes any token slow at times. */
async function isSlow(at: At, way: Way, key: KeyFacts, { blob, data }: KnownAnswer): Promise<boolean> {
  for (let tries = 0; tries < 3; tries++) {
    const startedAt = performance.now();
    wipe(await way.unwrap(at, key, blob, data));
    if (performance.now() - startedAt <= slowMs) return false;
  }
  return true;
}

/** Proves a way with a key made for this moment, of the session alone. */
async function proveOnce(at: At, way: Way): Promise<void> {
  const { cryptoki, session } = at;
  const handle = cryptoki.C_GenerateKey(session, { mechanism: CKM.AES_KEY_GEN }, [
    { type: CKA.CLASS, value: CKO.SECRET_KEY },
    { type: CKA.KEY_TYPE, value: CKK.AES },
    { type: CKA.TOKEN, value: false },
    { type: CKA.VALUE_LEN, value: 32 },
    { type: CKA.ENCRYPT, value: true },
    { type: CKA.DECRYPT, value: true },
  ]);
  try {
    const trial = { handle, bits: 256 } as KeyFacts;
    const [first, second] = [await prove(at, way, trial), await prove(at, way, trial)];
    const ivOf = ({ blob }: KnownAnswer) =>
      way.name === "gcm-appended-iv" ? blob.subarray(-16) : blob.subarray(0, 12);
    if (ivOf(first).equals(ivOf(second))) throw new NotThisWay("the token uses an IV twice");
  } finally {
    cryptoki.C_DestroyObject(session, handle);
  }
}

/** Whether the scheme is one that this choice opens, and the way to do it. */
export function wayFor({ way }: Choice, scheme: number): Way | undefined {
  return schemeOf(way) === scheme ? way : way.opening?.(scheme);
}
