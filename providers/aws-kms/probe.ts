// Whether a master key is there, enabled and ours to use. It reads, and runs dry what is more than reading.

import { BrokerError } from "../../src/errors/index.ts";
import { faultOfState } from "./key-state.ts";
import type { Context, KmsKey } from "./kms-key.ts";
import { askPermission, honoursContext } from "./permissions.ts";
import type { DryRun, Pairs } from "./permissions.ts";

/**
 * The contexts of the latest calls that succeeded. Policies may have conditions on a context, so that no made-up one
 * tells whether the real ones are allowed; and what was never done, a host that only encrypts may not be allowed to do.
 */
export type Seen = Partial<Record<DryRun, Pairs>>;

/** Makes a key's probe. It throws as MasterKey.probe; INTERNAL for an endpoint that does not bind to the context. */
export function createProbe(key: KmsKey, context: Context, seen: Seen): (signal: AbortSignal) => Promise<void> {
  const { library, regions, isForeign } = context;
  const [region] = regions;
  let isHonoured = !isForeign;
  return async (signal) => {
    const fault = faultOfState(await key.look(signal));
    if (fault) throw fault;
    for (const operation of ["Encrypt", "Decrypt"] as const) {
      const pairs = seen[operation];
      const permission = pairs && (await askPermission(library, region, key.id, operation, pairs, signal));
      if (permission?.allowed === false) throw permission.error;
    }
    if (isHonoured) return;
    const honours = await honoursContext(library, region, key.id, signal);
    if (honours === false)
      throw new BrokerError("INTERNAL", "the endpoint ignores the EncryptionContext: it is no KMS");
    isHonoured = honours === true;
  };
}
