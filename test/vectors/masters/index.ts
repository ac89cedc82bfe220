// The backends of recorded master keys, each fresh and empty when it was started.

import type { MasterKey, Provider } from "../../../src/provider/index.ts";
import type { MasterName, RecordedMaster } from "../recorded.ts";
import { startAwsMasters } from "./aws-kms.ts";
import type { MasterBench } from "./bench.ts";
import { startGcpMasters } from "./gcp-kms.ts";
import { startPkcs11Masters } from "./pkcs11.ts";
import { startTokenMasters } from "./token-in-memory.ts";
import { startVaultMasters } from "./vault.ts";

export type { MasterBench } from "./bench.ts";

/** A backend, and which master keys are its. */
export interface MasterBackend {
  /** Undefined where it cannot be had on this machine. */
  readonly start: () => Promise<MasterBench | undefined>;
  readonly masters: readonly MasterName[];
}

/** Every backend. */
export const backends: Readonly<Record<string, MasterBackend>> = {
  "aws-kms": { start: startAwsMasters, masters: ["aws-kms"] },
  "gcp-kms": { start: startGcpMasters, masters: ["gcp-kms"] },
  vault: {
    start: startVaultMasters,
    masters: ["vault-aes256-gcm96", "vault-chacha20-poly1305", "vault-xchacha20-poly1305"],
  },
  pkcs11: {
    start: () => Promise.resolve(startPkcs11Masters()),
    masters: ["pkcs11-gcm", "pkcs11-key-wrap", "pkcs11-rsa-oaep-sha1"],
  },
  "a token that writes the IV": {
    start: () => Promise.resolve(startTokenMasters("device")),
    masters: ["pkcs11-gcm-device-iv", "pkcs11-rsa-oaep"],
  },
  "a token that appends the IV": {
    start: () => Promise.resolve(startTokenMasters("appended")),
    masters: ["pkcs11-gcm-appended-iv"],
  },
};

/** The provider over a bench, for what was brought to it. The caller closes it. */
export function openProvider({ kind, settings }: MasterBench): Promise<Provider> {
  return kind.open(kind.settings.parse(settings()) as never);
}

/** The master key of a reference, under the id that it was recorded with where there is one. */
export async function masterKeyOf(
  provider: Provider,
  { kind }: MasterBench,
  reference: unknown,
  kept: RecordedMaster | undefined,
): Promise<MasterKey> {
  const found = await provider.masterKey(kind.reference.parse(reference), new AbortController().signal);
  const wanted = [found, ...(found.unwrapOnly ?? [])].find(({ id }) => id === (kept?.masterKeyId ?? found.id));
  if (!wanted) throw new Error(`the provider has ${found.id}, and not ${kept?.masterKeyId}`);
  return wanted;
}
