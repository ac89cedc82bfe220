// RSA-OAEP: wrapped here with the public key, unwrapped by the token. It proves nothing of who wrapped.

import { constants, createPublicKey, publicEncrypt, type KeyObject } from "node:crypto";
import { allocate, copy, wipe } from "../../../../src/secret/index.ts";
import type { At } from "../connection.ts";
import { CKA, CKM, CKO, oaep, parameterTypes, type Mechanism } from "../cryptoki.ts";
import { disabled, refused } from "../errors.ts";
import { findObjects, readAttribute, type KeyFacts } from "../keys.ts";
import { schemeNumbers } from "../scheme-names.ts";
import { materialBytes, NotThisWay, view, type Way } from "../way.ts";

type OaepName = "rsa-oaep" | "rsa-oaep-sha1";

/** The hash of OAEP and of its mask; SHA-1 is no weakness here, and all that some tokens know. */
const hashes = {
  "rsa-oaep": { hash: "sha256", hashAlg: CKM.SHA256, mgf: oaep.mgf1Sha256 },
  "rsa-oaep-sha1": { hash: "sha1", hashAlg: CKM.SHA_1, mgf: oaep.mgf1Sha1 },
} as const;

/** Both ways, the better hash first. */
export function rsaWays(): Way[] {
  return [rsaWay("rsa-oaep"), rsaWay("rsa-oaep-sha1")];
}

function rsaWay(name: OaepName): Way {
  return {
    name,
    family: "rsa",
    mechanism: CKM.RSA_PKCS_OAEP,
    mechanismName: "CKM_RSA_PKCS_OAEP",
    authenticated: false,
    bindsData: false,
    wrap: (at, key, material) => new Promise((resolve) => resolve(wrap(name, at, key, material))),
    unwrap: (at, key, blob) => unwrap(name, at, key, blob),
    opening(scheme) {
      const other = (["rsa-oaep", "rsa-oaep-sha1"] as const).find((one) => schemeNumbers[one] === scheme);
      return other && rsaWay(other);
    },
  };
}

/** The public key takes no permission: what the private one may no longer open is not made. */
function wrap(name: OaepName, at: At, key: KeyFacts, material: Uint8Array): Buffer {
  const mayDecrypt = readAttribute(at.cryptoki, at.session, key.handle, CKA.DECRYPT);
  if (mayDecrypt?.[0] === 0) throw disabled("the key may no longer decrypt: its attributes were changed");
  const { hash } = hashes[name];
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return copy(publicEncrypt({ key: publicKeyOf(at, key), padding, oaepHash: hash }, material));
}

/** From the private key's own attributes, or from the public key beside it. */
function publicKeyOf({ cryptoki, session }: At, key: KeyFacts): KeyObject {
  const beside = () =>
    findObjects(cryptoki, session, [
      { type: CKA.CLASS, value: CKO.PUBLIC_KEY },
      { type: CKA.ID, value: Buffer.from(key.id, "hex") },
    ]);
  const modulus = readAttribute(cryptoki, session, key.handle, CKA.MODULUS);
  for (const handle of [key.handle, ...beside()]) {
    const exponent = readAttribute(cryptoki, session, handle, CKA.PUBLIC_EXPONENT);
    if (!modulus?.length || !exponent?.length) continue;
    const jwk = { kty: "RSA", n: modulus.toString("base64url"), e: exponent.toString("base64url") };
    return createPublicKey({ key: jwk, format: "jwk" });
  }
  throw new NotThisWay("the token does not tell the key's public part");
}

async function unwrap(name: OaepName, at: At, key: KeyFacts, blob: Uint8Array): Promise<Buffer> {
  const bytes = key.bits === undefined ? blob.length : Math.ceil(key.bits / 8);
  if (blob.length !== bytes) throw refused(`it has ${blob.length} bytes instead of ${bytes}`);
  const room = allocate(Math.max(blob.length, 256));
  try {
    at.cryptoki.C_DecryptInit(at.session, mechanismOf(name), key.handle);
    const material = await at.calls.decrypt(at.session, view(blob), room);
    if (material.length !== materialBytes) throw refused(`${material.length} bytes came out of it`);
    return copy(material);
  } finally {
    wipe(room);
  }
}

function mechanismOf(name: OaepName): Mechanism {
  const { hashAlg, mgf } = hashes[name];
  const parameter = { type: parameterTypes.oaep, hashAlg, mgf, source: oaep.dataSpecified };
  return { mechanism: CKM.RSA_PKCS_OAEP, parameter: parameter };
}
