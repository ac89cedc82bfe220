// What can be found out of a master key without changing or decrypting anything: dry runs, and one trial.

import { isBrokerError } from "../../src/errors/index.ts";
import type { BrokerError } from "../../src/errors/index.ts";
import { allocate } from "../../src/secret/index.ts";
import type { Library, Region } from "./regions.ts";

/** Pairs of an EncryptionContext. */
export type Pairs = Readonly<Record<string, string>>;

/** The operations that a dry run can ask for. */
export type DryRun = "Encrypt" | "Decrypt";

/** What a dry run told: the error is why not; undefined where the endpoint knows no dry runs or does not answer. */
export type Permission =
  { readonly allowed: true } | { readonly allowed: false; readonly error: BrokerError } | undefined;

/**
 * Asks whether a call would be allowed with this context. https://docs.aws.amazon.com/kms/latest/developerguide/testing-permissions.html
 * Policies may have conditions on the context: only one like those of real calls tells.
 */
export async function askPermission(
  library: Library,
  region: Region,
  key: string,
  operation: DryRun,
  pairs: Pairs,
  signal: AbortSignal,
): Promise<Permission> {
  const { EncryptCommand, DecryptCommand } = library.kms;
  const common = { KeyId: key, EncryptionContext: pairs, DryRun: true };
  try {
    await region.ask<unknown>(signal, (kms) =>
      operation === "Encrypt"
        ? kms.send(new EncryptCommand({ ...common, Plaintext: allocate(1) }), { abortSignal: signal })
        : kms.send(new DecryptCommand({ ...common, DryRunModifiers: ["IGNORE_CIPHERTEXT"] }), { abortSignal: signal }),
    );
    return { allowed: true };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && error.name === "DryRunOperationException") return { allowed: true };
    return isBrokerError(error) && error.reason === "KEY_DISABLED" ? { allowed: false, error } : undefined;
  }
}

/**
 * Whether the endpoint binds to the EncryptionContext: it has to refuse a blob of 32 zeros under another context. Only for
 * endpoints that are not AWS's own, which may be emulators: at AWS it would show as a refused Decrypt in CloudTrail,
 * where people watch for those. Undefined when we may not encrypt.
 */
export async function honoursContext(
  library: Library,
  region: Region,
  key: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const { EncryptCommand, DecryptCommand } = library.kms;
  const pairs = (trial: string) => ({ keybroker: "1", trial });
  const options = { abortSignal: signal };
  const encrypt = new EncryptCommand({ KeyId: key, Plaintext: allocate(32), EncryptionContext: pairs("one") });
  try {
    const { CiphertextBlob } = await region.ask(signal, (kms) => kms.send(encrypt, options));
    const decrypt = new DecryptCommand({ KeyId: key, CiphertextBlob, EncryptionContext: pairs("other") });
    await region.ask(signal, (kms) => kms.send(decrypt, options));
    return false;
  } catch (error) {
    if (isBrokerError(error) && error.reason === "ENVELOPE_REFUSED") return true;
    if (isBrokerError(error) && error.reason === "KEY_DISABLED") return undefined;
    throw error;
  }
}
