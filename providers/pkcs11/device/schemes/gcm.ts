// AES-GCM: the caller's IV, one that the token writes, or one that the token appends to the ciphertext.

import { allocate, copy, fillRandom, wipe } from "../../../../src/secret/index.ts";
import type { At } from "../connection.ts";
import { CKM, parameterTypes, type Handle, type Mechanism } from "../cryptoki.ts";
import { refused } from "../errors.ts";
import type { KeyFacts } from "../keys.ts";
import { schemeNumbers, type SchemeName } from "../scheme-names.ts";
import { materialBytes, NotThisWay, view, type Way } from "../way.ts";

const ivBytes = 12;
/** Luna's in FIPS mode. */
const appendedIvBytes = 16;
const tagBytes = 16;
const sealedBytes = materialBytes + tagBytes;
/** Tokens may ask for more room than they fill. */
const roomBytes = 256;

/** GCM's parameter structure in PKCS#11 2.40, or in 2.30 without the IV's bits. */
type ParameterType = (typeof parameterTypes)["gcmWithIvBits" | "gcm"];

/** Whose IV it is. */
type GcmName = Extract<SchemeName, `gcm${string}`>;

/** NIST SP 800-38D, section 8.3: with random IVs no more than 2^32 under one key. */
const wrapLimit = 2 ** 32;

/** Every way of GCM, the plainest first. */
export function gcmWays(): Way[] {
  const types = [parameterTypes.gcmWithIvBits, parameterTypes.gcm];
  return [
    ...types.map((type) => gcmWay("gcm", type)),
    ...types.map((type) => gcmWay("gcm-device-iv", type)),
    ...types.map((type) => gcmWay("gcm-appended-iv", type)),
  ];
}

function gcmWay(name: GcmName, type: ParameterType): Way {
  return {
    name,
    family: "gcm",
    mechanism: CKM.AES_GCM,
    mechanismName: "CKM_AES_GCM",
    wrapLimit,
    // A token that took our zeros, or our empty IV, for the IV would use it twice.
    risky: name !== "gcm",
    authenticated: true,
    bindsData: true,
    wrap: (at, key, material, data) => wrap(name, type, at, key, material, data),
    unwrap: (at, key, blob, data) => unwrap(name, type, at, key, blob, data),
    opening(scheme) {
      const other = (["gcm", "gcm-device-iv", "gcm-appended-iv"] as const).find((one) => schemeNumbers[one] === scheme);
      return other && gcmWay(other, type);
    },
  };
}

function mechanismOf(type: ParameterType, iv: Buffer, aad: Buffer, ivBits = 8 * iv.length): Mechanism {
  return { mechanism: CKM.AES_GCM, parameter: { type, iv, aad, ivBits, tagBits: 8 * tagBytes } as never };
}

async function wrap(
  name: GcmName,
  type: ParameterType,
  at: At,
  key: KeyFacts,
  material: Uint8Array,
  data: Buffer,
): Promise<Buffer> {
  const iv = givenIv(name);
  const given = copy(iv);
  const mechanism = mechanismOf(type, iv, view(data), name === "gcm-appended-iv" ? 8 * appendedIvBytes : undefined);
  const sealed = await encrypt(at, key.handle, mechanism, material);
  const written = !iv.equals(given);
  if (name === "gcm-appended-iv") return whole(sealed, sealedBytes + appendedIvBytes, name);
  if (written !== (name === "gcm-device-iv"))
    throw new NotThisWay(written ? "the token wrote an IV" : "the token wrote no IV");
  whole(sealed, sealedBytes, name);
  const blob = allocate(ivBytes + sealedBytes);
  blob.set(iv);
  blob.set(sealed, ivBytes);
  return blob;
}

/** Tokens that write an IV want zeros where it goes (AWS CloudHSM); those that append one want none given. */
function givenIv(name: GcmName): Buffer {
  const iv = allocate(name === "gcm-appended-iv" ? 0 : ivBytes);
  if (name === "gcm") fillRandom(iv);
  return iv;
}

function whole(sealed: Buffer, bytes: number, name: GcmName): Buffer {
  if (sealed.length === bytes) return copy(sealed);
  throw new NotThisWay(`${name} should make ${bytes} bytes, and the token made ${sealed.length}`);
}

async function encrypt(at: At, key: Handle, mechanism: Mechanism, material: Uint8Array): Promise<Buffer> {
  at.cryptoki.C_EncryptInit(at.session, mechanism, key);
  return await at.calls.encrypt(at.session, view(material), allocate(roomBytes));
}

async function unwrap(
  name: GcmName,
  type: ParameterType,
  at: At,
  key: KeyFacts,
  blob: Uint8Array,
  data: Buffer,
): Promise<Buffer> {
  const appended = name === "gcm-appended-iv";
  const expected = sealedBytes + (appended ? appendedIvBytes : ivBytes);
  if (blob.length !== expected) throw refused(`it has ${blob.length} bytes instead of ${expected}`);
  const iv = view(appended ? blob.subarray(sealedBytes) : blob.subarray(0, ivBytes));
  const sealed = view(appended ? blob.subarray(0, sealedBytes) : blob.subarray(ivBytes));
  const room = allocate(roomBytes);
  try {
    at.cryptoki.C_DecryptInit(at.session, mechanismOf(type, iv, view(data)), key.handle);
    const material = await at.calls.decrypt(at.session, sealed, room);
    if (material.length !== materialBytes) throw refused(`${material.length} bytes came out of it`);
    return copy(material);
  } finally {
    wipe(room);
  }
}
