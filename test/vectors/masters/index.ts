// The backends of recorded master keys, each fresh and empty when it was started.

import type { MasterKey, Provider } from "../../../src/provider/index.ts";
import type { RecordedMaster } from "../recorded.ts";
import { startAwsMasters } from "./aws-kms.ts";
import type { MasterBench } from "./bench.ts";
import { startGcpMasters } from "./gcp-kms.ts";
import { startPkcs11Masters } from "./pkcs11.ts";
import { startVaultMasters } from "./vault.ts";

export type { MasterBench } from "./bench.ts";

/** By kind. One that cannot be had on this machine answers undefined. */
export const benches: Readonly<Record<string, () => Promise<MasterBench | undefined>>> = {
  "aws-kms": startAwsMasters,
  "gcp-kms": startGcpMasters,
  vault: startVaultMasters,
  pkcs11: () => Promise.resolve(startPkcs11Masters()),
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
