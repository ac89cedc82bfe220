// Finds keys on the token and reads what they are and may do.

import { CKA, CKK, CKO, type Cryptoki, type Handle, type Template } from "./cryptoki.ts";
import { disabled, meaningOf } from "./errors.ts";
import { describeReference, type KeyReference } from "./types.ts";

/** A secret or private key of the token. */
export interface KeyFacts {
  readonly handle: Handle;
  readonly label: string;
  /** CKA_ID, lower-case hexadecimal digits; may be empty. */
  readonly id: string;
  readonly type: "aes" | "rsa" | "other";
  /** Undefined when the token does not tell. */
  readonly bits: number | undefined;
  readonly encrypts: boolean;
  readonly decrypts: boolean;
  readonly wraps: boolean;
  readonly unwraps: boolean;
  /** CKA_ALLOWED_MECHANISMS; undefined when the key has no such list. */
  readonly mechanisms: readonly number[] | undefined;
  readonly extractable: boolean;
  readonly sensitive: boolean;
}

const maxFound = 256;

/** Handles of the token's objects that fit a template. Throws what the library answers. */
export function findObjects(cryptoki: Cryptoki, session: Handle, template: Template): Handle[] {
  cryptoki.C_FindObjectsInit(session, template);
  try {
    return cryptoki.C_FindObjects(session, maxFound);
  } finally {
    cryptoki.C_FindObjectsFinal(session);
  }
}

/** The token's secret and private keys with this label and id. */
export function findKeys(cryptoki: Cryptoki, session: Handle, { label, id }: KeyReference): KeyFacts[] {
  const template: Template = [{ type: CKA.TOKEN, value: true }];
  if (label !== undefined) template.push({ type: CKA.LABEL, value: label });
  if (id !== undefined) template.push({ type: CKA.ID, value: Buffer.from(id, "hex") });
  const classes = [CKO.SECRET_KEY, CKO.PRIVATE_KEY];
  const handles = classes.flatMap((value) => findObjects(cryptoki, session, [...template, { type: CKA.CLASS, value }]));
  return handles.map((handle) => readKey(cryptoki, session, handle));
}

/**
 * The one key that a reference names. Throws KEY_DISABLED, in words, when there is none or more than one, and when it
 * has no CKA_ID or shares it with another: an envelope names its key by that.
 */
export function findKey(cryptoki: Cryptoki, session: Handle, reference: KeyReference): KeyFacts {
  const named = describeReference(reference);
  const found = findKeys(cryptoki, session, reference);
  if (found.length === 0) throw disabled(`the token has no key with ${named}, or does not show it to us`);
  if (found.length > 1) throw disabled(`the token has ${found.length} keys with ${named}: name one by label and id`);
  const key = found[0]!;
  if (key.id === "") throw disabled(`the token's key with ${named} has no CKA_ID: give it one that no other key has`);
  const twins = findKeys(cryptoki, session, { id: key.id });
  if (twins.length === 1) return key;
  throw disabled(`the token has ${twins.length} keys with id ${key.id}: each needs an id of its own`);
}

function readKey(cryptoki: Cryptoki, session: Handle, handle: Handle): KeyFacts {
  const read = (type: number) => readAttribute(cryptoki, session, handle, type);
  const is = (type: number) => (read(type)?.[0] ?? 0) !== 0;
  const type = typeOf(numberOf(read(CKA.KEY_TYPE)));
  return {
    handle,
    label: read(CKA.LABEL)?.toString("utf8") ?? "",
    id: read(CKA.ID)?.toString("hex") ?? "",
    type,
    bits: type === "rsa" ? bitsOf(read(CKA.MODULUS)) : bitsOfBytes(numberOf(read(CKA.VALUE_LEN))),
    encrypts: is(CKA.ENCRYPT),
    decrypts: is(CKA.DECRYPT),
    wraps: is(CKA.WRAP),
    unwraps: is(CKA.UNWRAP),
    mechanisms: mechanismsOf(read(CKA.ALLOWED_MECHANISMS)),
    extractable: is(CKA.EXTRACTABLE),
    sensitive: is(CKA.SENSITIVE),
  };
}

/** An attribute's bytes; undefined when the object has none, or keeps it to itself. */
export function readAttribute(cryptoki: Cryptoki, session: Handle, handle: Handle, type: number): Buffer | undefined {
  try {
    const value: unknown = cryptoki.C_GetAttributeValue(session, handle, [{ type }])[0]?.value;
    return Buffer.isBuffer(value) ? value : undefined;
  } catch (error) {
    if (meaningOf(error) === "unfit") return undefined;
    throw error;
  }
}

function typeOf(keyType: number | undefined): KeyFacts["type"] {
  if (keyType === CKK.AES) return "aes";
  return keyType === CKK.RSA ? "rsa" : "other";
}

/** A CK_ULONG: the machine's own width and order. */
function numberOf(bytes: Buffer | undefined): number | undefined {
  if (bytes?.length === 4) return bytes.readUInt32LE();
  return bytes?.length === 8 ? Number(bytes.readBigUInt64LE()) : undefined;
}

/** A CK_MECHANISM_TYPE_ARRAY; an empty one is how some tokens say that there is none. */
function mechanismsOf(bytes: Buffer | undefined): readonly number[] | undefined {
  if (!bytes || bytes.length === 0 || bytes.length % 8 !== 0) return undefined;
  return Array.from({ length: bytes.length / 8 }, (_, index) => Number(bytes.readBigUInt64LE(8 * index)));
}

function bitsOf(modulus: Buffer | undefined): number | undefined {
  if (!modulus) return undefined;
  const first = modulus.findIndex((byte) => byte !== 0);
  return first < 0 ? undefined : 8 * (modulus.length - first) - (Math.clz32(modulus[first]!) - 24);
}

function bitsOfBytes(length: number | undefined): number | undefined {
  return length === undefined ? undefined : 8 * length;
}
