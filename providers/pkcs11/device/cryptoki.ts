// The PKCS#11 library as we call it: the functions used, its numbers, and the native addon's loader.

import type { Handle, Mechanism, PKCS11, Template } from "pkcs11js";
import { BrokerError } from "../../../src/errors/index.ts";

export type { Handle, Mechanism, Template };

/** The functions of pkcs11js that the device calls; a test's token has the same shape. */
export type Cryptoki = Pick<
  PKCS11,
  | "load"
  | "close"
  | "C_Initialize"
  | "C_Finalize"
  | "C_GetInfo"
  | "C_GetSlotList"
  | "C_GetTokenInfo"
  | "C_GetSlotInfo"
  | "C_GetMechanismList"
  | "C_GetMechanismInfo"
  | "C_OpenSession"
  | "C_CloseSession"
  | "C_CloseAllSessions"
  | "C_GetSessionInfo"
  | "C_Login"
  | "C_Logout"
  | "C_FindObjectsInit"
  | "C_FindObjects"
  | "C_FindObjectsFinal"
  | "C_GetAttributeValue"
  | "C_CreateObject"
  | "C_DestroyObject"
  | "C_GenerateKey"
  | "C_GenerateKeyPair"
  | "C_EncryptInit"
  | "C_Encrypt"
  | "C_EncryptAsync"
  | "C_DecryptInit"
  | "C_Decrypt"
  | "C_DecryptAsync"
  | "C_WrapKey"
  | "C_WrapKeyAsync"
  | "C_UnwrapKey"
  | "C_UnwrapKeyAsync"
>;

/** Attributes (PKCS#11 3.0, pkcs11t.h). */
export const CKA = {
  CLASS: 0x0,
  TOKEN: 0x1,
  PRIVATE: 0x2,
  LABEL: 0x3,
  VALUE: 0x11,
  KEY_TYPE: 0x100,
  ID: 0x102,
  SENSITIVE: 0x103,
  ENCRYPT: 0x104,
  DECRYPT: 0x105,
  WRAP: 0x106,
  UNWRAP: 0x107,
  SIGN: 0x108,
  VERIFY: 0x10a,
  DERIVE: 0x10c,
  MODULUS: 0x120,
  MODULUS_BITS: 0x121,
  PUBLIC_EXPONENT: 0x122,
  VALUE_LEN: 0x161,
  EXTRACTABLE: 0x162,
  NEVER_EXTRACTABLE: 0x164,
  ALWAYS_SENSITIVE: 0x165,
  ALLOWED_MECHANISMS: 0x40000600,
} as const;

/** Object classes. */
export const CKO = { PUBLIC_KEY: 0x2, PRIVATE_KEY: 0x3, SECRET_KEY: 0x4 } as const;

/** Key types. */
export const CKK = { RSA: 0x0, GENERIC_SECRET: 0x10, AES: 0x1f } as const;

/** Mechanisms. */
export const CKM = {
  RSA_PKCS_KEY_PAIR_GEN: 0x0,
  RSA_PKCS_OAEP: 0x9,
  SHA_1: 0x220,
  SHA256: 0x250,
  AES_KEY_GEN: 0x1080,
  AES_GCM: 0x1087,
  AES_KEY_WRAP: 0x2109,
  AES_KEY_WRAP_PAD: 0x210a,
  AES_KEY_WRAP_KWP: 0x210b,
} as const;

/** Session, token and initialisation flags. */
export const CKF = {
  OS_LOCKING_OK: 0x2,
  RW_SESSION: 0x2,
  SERIAL_SESSION: 0x4,
  HW_SLOT: 0x4,
  LOGIN_REQUIRED: 0x4,
  USER_PIN_INITIALIZED: 0x8,
  PROTECTED_AUTHENTICATION_PATH: 0x100,
  USER_PIN_COUNT_LOW: 0x10000,
  USER_PIN_FINAL_TRY: 0x20000,
  USER_PIN_LOCKED: 0x40000,
  USER_PIN_TO_BE_CHANGED: 0x80000,
  ERROR_STATE: 0x1000000,
} as const;

/** CKU_USER. */
export const userType = 1;

/** pkcs11js's numbers of parameter structures; GCM's with and without the length of the IV in bits. */
export const parameterTypes = { gcmWithIvBits: 7, gcm: 3, oaep: 4 } as const;

/** CKG_MGF1_SHA1, CKG_MGF1_SHA256 and CKZ_DATA_SPECIFIED. */
export const oaep = { mgf1Sha1: 1, mgf1Sha256: 2, dataSpecified: 1 } as const;

/**
 * A new object over the native addon. Throws PROVIDER_UNAVAILABLE, naming the addon, where it was not built: an
 * optional dependency whose build fails is left out by npm without a word.
 */
export async function newCryptoki(): Promise<Cryptoki> {
  try {
    const { default: addon } = await import("pkcs11js");
    return new addon.PKCS11();
  } catch (cause) {
    throw new BrokerError(
      "PROVIDER_UNAVAILABLE",
      "the native addon pkcs11js is not here or was not built: with a C++ compiler and Python at hand, run npm rebuild pkcs11js",
      { cause },
    );
  }
}
