// AES key wrap with padding (RFC 5649) through C_WrapKey and C_UnwrapKey: no IV, and no bound on how often.

import { createCipheriv } from "node:crypto";
import { allocate, copy, fillRandom, randomBytes, wipe } from "../../../../src/secret/index.ts";
import type { At } from "../connection.ts";
import { CKA, CKK, CKM, CKO, type Handle, type Template } from "../cryptoki.ts";
import { meaningOf, refused } from "../errors.ts";
import type { KeyFacts } from "../keys.ts";
import { materialBytes, NotThisWay, view, type Way } from "../way.ts";

/** Random bytes before the material: key wrap alone would make the same blob of the same material each time. */
const saltBytes = 16;
const secretBytes = saltBytes + materialBytes;
/** RFC 5649 puts one block of 8 before what it wraps. */
const blobBytes = secretBytes + 8;
const roomBytes = 256;

const mechanisms = [
  [CKM.AES_KEY_WRAP_KWP, "CKM_AES_KEY_WRAP_KWP"],
  [CKM.AES_KEY_WRAP_PAD, "CKM_AES_KEY_WRAP_PAD"],
] as const;

/** KWP is RFC 5649 by its definition; PAD was defined later, and differently by each maker: it is checked. */
export function keyWrapWays(): Way[] {
  return mechanisms.flatMap(([mechanism, mechanismName]) => [
    keyWrapWay(mechanism, mechanismName, false),
    keyWrapWay(mechanism, mechanismName, true),
  ]);
}

/** `withLength`: some tokens want to be told the length of a secret that they unwrap, and others refuse to be. */
function keyWrapWay(mechanism: number, mechanismName: string, withLength: boolean): Way {
  return {
    name: "key-wrap",
    family: "key-wrap",
    mechanism,
    mechanismName,
    authenticated: true,
    bindsData: false,
    check: (at) => checkRfc5649(at, mechanism, mechanismName),
    wrap: (at, key, material) => wrap(mechanism, at, key.handle, material),
    unwrap: (at, key, blob) => unwrap(mechanism, withLength, at, key, blob),
  };
}

/** The material is a session object for as long as it is wrapped: it must be extractable, or nothing could wrap it. */
async function wrap(mechanism: number, at: At, key: Handle, material: Uint8Array): Promise<Buffer> {
  const { cryptoki, session, calls } = at;
  const value = allocate(secretBytes);
  fillRandom(value, 0, saltBytes);
  value.set(material, saltBytes);
  let secret: Handle | undefined;
  try {
    secret = cryptoki.C_CreateObject(session, [...secretTemplate(), { type: CKA.VALUE, value }]);
    const blob = await calls.wrapKey(session, { mechanism }, key, secret, allocate(roomBytes));
    if (blob.length !== blobBytes)
      throw new NotThisWay(`key wrap should make ${blobBytes} bytes, and the token made ${blob.length}`);
    return copy(blob);
  } finally {
    wipe(value);
    if (secret) destroy(at, secret);
  }
}

async function unwrap(
  mechanism: number,
  withLength: boolean,
  at: At,
  key: KeyFacts,
  blob: Uint8Array,
): Promise<Buffer> {
  const { session, calls } = at;
  if (blob.length !== blobBytes) throw refused(`it has ${blob.length} bytes instead of ${blobBytes}`);
  const template = secretTemplate();
  if (withLength) template.push({ type: CKA.VALUE_LEN, value: secretBytes });
  const secret = await calls.unwrapKey(session, { mechanism }, key.handle, view(blob), template);
  try {
    return valueOf(at, secret);
  } finally {
    destroy(at, secret);
  }
}

function valueOf({ cryptoki, session }: At, secret: Handle): Buffer {
  const value: unknown = cryptoki.C_GetAttributeValue(session, secret, [{ type: CKA.VALUE }])[0]?.value;
  if (!Buffer.isBuffer(value)) throw new NotThisWay("the token does not give an unwrapped secret out");
  try {
    if (value.length !== secretBytes) throw refused(`${value.length} bytes came out of it`);
    return copy(value.subarray(saltBytes));
  } finally {
    wipe(value);
  }
}

/** After a failure the session is closed, and its objects end with it. */
function destroy({ cryptoki, session }: At, object: Handle): void {
  try {
    cryptoki.C_DestroyObject(session, object);
  } catch (error) {
    if (meaningOf(error) === undefined) throw error;
  }
}

function secretTemplate(): Template {
  return [
    { type: CKA.CLASS, value: CKO.SECRET_KEY },
    { type: CKA.KEY_TYPE, value: CKK.GENERIC_SECRET },
    { type: CKA.TOKEN, value: false },
    { type: CKA.SENSITIVE, value: false },
    { type: CKA.EXTRACTABLE, value: true },
  ];
}

/**
 * Compares the token's key wrap with RFC 5649's, under a key that we know: a session object, destroyed at once. Where
 * the token takes no such key, the round trip and the blob's length alone speak for it.
 */
function checkRfc5649({ cryptoki, session }: At, mechanism: number, mechanismName: string): void {
  const key = randomBytes(32);
  const plain = randomBytes(secretBytes);
  const known = importKey({ cryptoki, session }, key);
  if (!known) return;
  const secret = cryptoki.C_CreateObject(session, [...secretTemplate(), { type: CKA.VALUE, value: plain }]);
  const blob = cryptoki.C_WrapKey(session, { mechanism }, known, secret, allocate(roomBytes));
  for (const object of [known, secret]) cryptoki.C_DestroyObject(session, object);
  if (!blob.equals(rfc5649(key, plain))) throw new NotThisWay(`the token's ${mechanismName} is not RFC 5649`);
}

function importKey({ cryptoki, session }: Pick<At, "cryptoki" | "session">, value: Buffer): Handle | undefined {
  try {
    return cryptoki.C_CreateObject(session, [
      { type: CKA.CLASS, value: CKO.SECRET_KEY },
      { type: CKA.KEY_TYPE, value: CKK.AES },
      { type: CKA.TOKEN, value: false },
      { type: CKA.WRAP, value: true },
      { type: CKA.VALUE, value },
    ]);
  } catch (error) {
    if (meaningOf(error) === "unfit" || meaningOf(error) === "disabled") return undefined;
    throw error;
  }
}

/** RFC 5649's own start value. */
const startValue = Buffer.from("a65959a6", "hex");

function rfc5649(key: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv("id-aes256-wrap-pad", key, startValue);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}
