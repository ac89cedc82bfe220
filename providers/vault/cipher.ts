// A transit key's two operations, with associated data, and the proof that the server honours it.

import { isBrokerError, BrokerError } from "../../src/errors/index.ts";
import { wipe } from "../../src/secret/index.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { readCiphertext } from "./ciphertext.ts";
import type { Ciphertext } from "./ciphertext.ts";
import { damaged, failureOf } from "./errors.ts";
import { composeJson } from "./json-bytes.ts";
import type { Session } from "./session.ts";
import type { TransitKey } from "./transit-key.ts";

/** Encrypts; the caller owns the material. Throws as `failureOf` maps, and PROVIDER_UNAVAILABLE for a damaged answer. */
export async function encrypt(
  session: Session,
  key: TransitKey,
  material: Uint8Array,
  bound: Uint8Array,
  signal: AbortSignal,
): Promise<Ciphertext> {
  const path = key.pathOf("encrypt");
  const plaintext = encodeBase64(material);
  const body = composeJson({ plaintext, associated_data: encodeBase64(bound) });
  wipe(plaintext);
  try {
    const answer = await session.send({ method: "POST", path, body, signal });
    if (answer.status !== 200) throw failureOf(answer, path);
    const made = readCiphertext((answer.json as { data?: { ciphertext?: unknown } } | undefined)?.data?.ciphertext);
    if (!made) throw damaged(path);
    return made;
  } finally {
    wipe(body);
  }
}

/** Decrypts into a buffer of its own, which the caller owns and wipes. Throws as `encrypt`, and ENVELOPE_REFUSED. */
export async function decrypt(
  session: Session,
  key: TransitKey,
  { text }: Ciphertext,
  bound: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer> {
  const path = key.pathOf("decrypt");
  const body = composeJson({ ciphertext: text, associated_data: encodeBase64(bound) });
  const answer = await session.send({ method: "POST", path, body, take: "plaintext", signal });
  try {
    if (answer.status !== 200) throw failureOf(answer, path);
    const material = answer.taken && decodeBase64(answer.taken);
    if (!material) throw damaged(path);
    return material;
  } finally {
    wipe(answer.taken);
  }
}

const otherData = Buffer.from("keybroker/1;proof=other associated data");

/**
 * Proves that the server refuses other associated data than a ciphertext was made with. Vault before 1.13 ignores it
 * without a word and opens anything: KEY_DISABLED, and the ciphertext must not be used.
 */
export async function proveBinding(
  session: Session,
  key: TransitKey,
  made: Ciphertext,
  signal: AbortSignal,
): Promise<void> {
  try {
    wipe(await decrypt(session, key, made, otherData, signal));
  } catch (error) {
    if (isBrokerError(error) && error.reason === "ENVELOPE_REFUSED") return;
    throw error;
  }
  throw new BrokerError(
    "KEY_DISABLED",
    "the server ignores associated_data, so nothing binds a blob to its envelope: OpenBao, or Vault 1.13 or newer, is needed",
  );
}
