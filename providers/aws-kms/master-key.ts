// One symmetric KMS key as a master key: aws-kms scheme 1 of docs/envelope.md.

import { BrokerError } from "../../src/errors/index.ts";
import type { Binding, MasterKey, Unwrapped, Wrapped } from "../../src/provider/index.ts";
import { inRegion, isMultiRegion } from "./arn.ts";
import type { KeyArn } from "./arn.ts";
import { decrypt, encrypt } from "./crypt.ts";
import { isDenial } from "./errors.ts";
import { firstThatAnswers } from "./fallback.ts";
import { createKmsKey } from "./kms-key.ts";
import type { Context } from "./kms-key.ts";
import { askPermission } from "./permissions.ts";
import type { Pairs } from "./permissions.ts";
import { createProbe } from "./probe.ts";
import type { Seen } from "./probe.ts";
import { listVersions, rotateNow } from "./rotation.ts";

/** Encrypt with the binding as EncryptionContext; the blob is what KMS answers. */
export const scheme = 1;

/** What Decrypt takes at most: https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html */
const maxBlobBytes = 6_144;

/** The master key of a key ARN in the first region. Nothing is asked before the first call. */
export function createMasterKey(arn: KeyArn, context: Context): MasterKey {
  const { library, regions } = context;
  const key = createKmsKey(arn, context);
  const seen: Seen = {};
  let hasLooked = false;
  const unwrapping = isMultiRegion(arn.keyId) ? regions : ([regions[0]] as const);

  async function wrap(material: Uint8Array, { pairs }: Binding, signal: AbortSignal): Promise<Wrapped> {
    signal.throwIfAborted();
    // Only the version comes of it, which is informational: a look that fails is none of the wrap's business.
    if (!hasLooked) await key.look(signal).catch(() => signal.throwIfAborted());
    hasLooked = true;
    const target = { library, region: regions[0], key: key.id, pairs };
    const wrapped = await key.judged(signal, encrypt(target, material, signal));
    seen.Encrypt = pairs;
    return { wrapped, scheme, version: key.materials.current() };
  }

  async function unwrap(wrapped: Uint8Array, used: number, binding: Binding, signal: AbortSignal): Promise<Unwrapped> {
    signal.throwIfAborted();
    if (used !== scheme || wrapped.length === 0 || wrapped.length > maxBlobBytes) throw refused();
    const { pairs } = binding;
    const call = firstThatAnswers(unwrapping, context.fallbackAfterMs, signal, (region, limit) =>
      decrypt({ library, region, key: inRegion(arn, region.name), pairs }, wrapped, limit),
    );
    const { material, version } = await key.judged(signal, call).catch((error: unknown) => blame(error, pairs, signal));
    seen.Decrypt = pairs;
    // While the first region hangs and another one decrypted, the look would wait for as long as the call may take.
    const patience = AbortSignal.any([signal, AbortSignal.timeout(context.fallbackAfterMs)]);
    const rewrapDue = await key.materials.isOutdated(version, () => key.look(patience));
    return { material, version: version ?? "", rewrapDue };
  }

  /**
   * A blob that names a foreign or unknown key is answered by a denial, whatever key was asked for. It is a refusal when
   * this very key is not denied to us.
   */
  async function blame(error: unknown, pairs: Pairs, signal: AbortSignal): Promise<never> {
    if (!isDenial(error)) throw error;
    const permission = await askPermission(library, regions[0], key.id, "Decrypt", pairs, signal);
    throw permission?.allowed ? refused() : error;
  }

  const calls = { wrap, unwrap, probe: createProbe(key, context, seen) };
  // The same key goes by another ARN in each region: envelopes made before the regions changed places still open.
  const siblings = unwrapping.slice(1).map((region) => Object.freeze({ id: inRegion(arn, region.name), ...calls }));
  return Object.freeze({
    id: key.id,
    unwrapOnly: siblings,
    ...calls,
    get protection() {
      return key.protection();
    },
    versions: (signal: AbortSignal) => listVersions(library, regions[0], key.id, signal),
    async rotate(signal: AbortSignal) {
      const material = await key.judged(signal, rotateNow(library, regions[0], key.id, signal));
      await key.look(signal).catch(() => undefined);
      return material;
    },
  });
}

function refused(): BrokerError {
  return new BrokerError("ENVELOPE_REFUSED", "this master key did not make this blob for this binding");
}
