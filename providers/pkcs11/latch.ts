// Keeps a wrong PIN from being tried again by a new child: the child that tried it may have ended since.

import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import type { MasterKey, Provider, SecretSource } from "../../src/provider/index.ts";
import { pinRefused } from "./device/pin-words.ts";

/**
 * A provider that asks `inner` nothing more once a PIN was refused, until the PIN's source has changed: a file that was
 * written anew, or the daemon's restart for a variable. `examine` still asks: it must tell what is wrong.
 */
export function latched(inner: Provider, pin: SecretSource | undefined): Provider {
  const guarded = createLatch(pin);
  const masterKeyOf = (key: MasterKey): MasterKey => ({
    ...key,
    get protection() {
      return key.protection;
    },
    unwrapOnly: key.unwrapOnly?.map(masterKeyOf),
    wrap: (material, binding, signal) => guarded(() => key.wrap(material, binding, signal)),
    unwrap: (wrapped, scheme, binding, signal) => guarded(() => key.unwrap(wrapped, scheme, binding, signal)),
    probe: (signal) => guarded(() => key.probe(signal)),
  });
  return {
    ...inner,
    masterKey: async (reference, signal) => masterKeyOf(await guarded(() => inner.masterKey(reference, signal))),
  };
}

/** Runs calls while no PIN is known to be wrong. */
function createLatch(pin: SecretSource | undefined) {
  let wrong: { readonly stamp: string; readonly message: string } | undefined;
  return async <T>(call: () => Promise<T>): Promise<T> => {
    const stamp = stampOf(pin);
    if (wrong?.stamp === stamp) throw new BrokerError("KEY_DISABLED", wrong.message);
    try {
      return await call();
    } catch (error) {
      if (isBrokerError(error) && error.message.startsWith(pinRefused)) wrong = { stamp, message: error.message };
      throw error;
    }
  };
}

function stampOf(pin: SecretSource | undefined): string {
  try {
    return pin?.toJSON() ?? "";
  } catch {
    return "gone";
  }
}
