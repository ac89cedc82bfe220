// One Encrypt or one Decrypt, with every check that the service's definition asks of a client.

import type { Binding, Unwrapped, Wrapped } from "../../src/provider/index.ts";
import { copy, wipe } from "../../src/secret/index.ts";
import { checkBytes, checksum, intact } from "./integrity.ts";
import { versionOf } from "./key-name.ts";
import type { Seen } from "./resources.ts";
import { scheme } from "./scheme.ts";
import type { Service } from "./service.ts";

interface EncryptResponse {
  readonly name?: string;
  readonly ciphertext?: Buffer;
  readonly ciphertextCrc32c?: unknown;
  readonly verifiedPlaintextCrc32c?: boolean;
  readonly verifiedAdditionalAuthenticatedDataCrc32c?: boolean;
}

interface Wrapping {
  readonly material: Uint8Array;
  readonly binding: Binding;
  readonly signal: AbortSignal;
}

/**
 * Wraps with the primary version. Throws `Damaged` (see integrity.ts) when the answer is not to be believed, and what
 * calls throw. The caller still owns and wipes the material.
 */
export async function encrypt(
  service: Service,
  id: string,
  seen: Seen,
  { material, binding, signal }: Wrapping,
): Promise<Wrapped> {
  const request = {
    name: id,
    plaintext: material,
    plaintextCrc32c: checksum(material),
    additionalAuthenticatedData: binding.bytes,
    additionalAuthenticatedDataCrc32c: checksum(binding.bytes),
  };
  const call = { method: "encrypt", purpose: "wrap", routing: ["name", id], request } as const;
  const answer = await service.call<EncryptResponse>(call, signal);
  const version = versionOf(id, answer.name);
  intact(version !== undefined, "names another key than the one that was asked");
  intact(answer.verifiedPlaintextCrc32c === true, "does not say that the plaintext's checksum was verified");
  intact(
    answer.verifiedAdditionalAuthenticatedDataCrc32c === true,
    "does not say that the associated data's checksum was verified",
  );
  const ciphertext = answer.ciphertext ?? Buffer.alloc(0);
  checkBytes(ciphertext, answer.ciphertextCrc32c, "ciphertext");
  intact(ciphertext.length > 0, "holds no ciphertext");
  seen.primary = version;
  return { wrapped: copy(ciphertext), scheme, version };
}

interface DecryptResponse {
  readonly plaintext?: Buffer;
  readonly plaintextCrc32c?: unknown;
  readonly usedPrimary?: boolean;
}

interface Unwrapping {
  readonly wrapped: Uint8Array;
  readonly binding: Binding;
  readonly signal: AbortSignal;
}

/**
 * Unwraps with whatever version made the blob. Throws as `encrypt`, and ENVELOPE_REFUSED. The material is the caller's; the
 * copy in the answer is wiped.
 */
export async function decrypt(
  service: Service,
  id: string,
  seen: Seen,
  { wrapped, binding, signal }: Unwrapping,
): Promise<Unwrapped> {
  const request = {
    name: id,
    ciphertext: wrapped,
    ciphertextCrc32c: checksum(wrapped),
    additionalAuthenticatedData: binding.bytes,
    additionalAuthenticatedDataCrc32c: checksum(binding.bytes),
  };
  const call = { method: "decrypt", purpose: "unwrap", routing: ["name", id], request } as const;
  const {
    plaintext = Buffer.alloc(0),
    plaintextCrc32c,
    usedPrimary,
  } = await service.call<DecryptResponse>(call, signal);
  try {
    checkBytes(plaintext, plaintextCrc32c, "plaintext");
    // Cloud KMS does not say which version it was: only the primary one's name is known here.
    const version = usedPrimary === true ? seen.primary : "";
    return { material: copy(plaintext), version, rewrapDue: usedPrimary !== true };
  } finally {
    wipe(plaintext);
  }
}
