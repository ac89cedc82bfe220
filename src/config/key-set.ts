// Reads sets of an issuer's public keys: JSON Web Key Sets, RFC 7517.

import { PemError, withContent } from "./pem.ts";

/** A set with nothing but public keys for signatures in it. */
export interface KeySet {
  readonly keys: readonly KeySetEntry[];
}

/** One key: the fields that every kind has. */
interface KeySetEntry {
  readonly kty: string;
  readonly kid?: string;
  readonly [field: string]: unknown;
}

const maxKeys = 100;
const publicKinds = new Set(["RSA", "EC", "OKP"]);
/** What only private and symmetric keys have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1; RFC 8037, section 2). */
const secretFields = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** The set in a file. Throws PemError. */
export function readKeySet(file: string): KeySet {
  return withContent(file, (bytes) => parseKeySet(bytes.toString("utf8"), file));
}

/**
 * The set in a text; `from` is how messages call it. Keys for encryption and of kinds that nobody here verifies with are
 * left out. Throws PemError, also when a key is not public: whoever reads the set could then sign.
 */
export function parseKeySet(text: string, from: string): KeySet {
  const keys = keysOf(text);
  if (keys === undefined) throw new PemError(`${from} is no JSON Web Key Set: expected {"keys": [...]}`);
  if (keys.length > maxKeys) throw new PemError(`${from} has more than ${maxKeys} keys`);
  if (keys.some((key) => key.kty === "oct" || secretFields.some((field) => field in key))) {
    throw new PemError(`${from} has a secret key in it: whoever reads it could sign, so only public ones may be there`);
  }
  const usable = keys.filter(({ kty, use }) => publicKinds.has(kty) && (use === undefined || use === "sig"));
  if (usable.length === 0) throw new PemError(`${from} has no public key for signatures`);
  return { keys: usable };
}

function keysOf(text: string): KeySetEntry[] | undefined {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) && keys.every(isKey) ? keys : undefined;
  } catch {
    return undefined;
  }
}

function isKey(key: unknown): key is KeySetEntry {
  return typeof key === "object" && key !== null && typeof (key as { kty?: unknown }).kty === "string";
}
