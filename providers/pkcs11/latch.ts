// Keeps a wrong PIN from being tried again by a new child: the child that tried it may have ended since.

import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import type { Finding, MasterKey, Provider, SecretSource } from "../../src/provider/index.ts";
import { pinRefused } from "./device/pin-words.ts";

/**
 * A provider that asks `inner` nothing more once a PIN was refused, until the PIN's source has changed: a file that was
 * written anew, or the daemon's restart for a variable.
 */
export function latched(inner: Provider, pin: SecretSource | undefined): Provider {
  const latch = createLatch(pin);
  const guarded = latch.guarded;
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
    ...(inner.examine && { examine: (references, signal) => examined(inner, latch, references, signal) }),
  };
}

async function* examined(
  inner: Provider,
  latch: Latch,
  references: readonly unknown[],
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const known = latch.message();
  if (known !== undefined) {
    const fix = "put the right PIN into its source; nothing else was looked at, so that it is not tried again";
    yield { check: "log-in", outcome: "bad", detail: known, fix };
    return;
  }
  for await (const finding of inner.examine!(references, signal)) {
    latch.note(finding.detail);
    yield finding;
  }
}

interface Latch {
  /** Runs a call unless a PIN is known to be wrong. */
  readonly guarded: <T>(call: () => Promise<T>) => Promise<T>;
  /** What was said of the wrong PIN; undefined while none is known, or when its source has changed. */
  readonly message: () => string | undefined;
  /** Takes in what is told: it may be of a wrong PIN. */
  readonly note: (told: string) => void;
}

function createLatch(pin: SecretSource | undefined): Latch {
  let wrong: { readonly stamp: string; readonly message: string } | undefined;
  const message = () => (wrong?.stamp === stampOf(pin) ? wrong.message : undefined);
  const note = (told: string, stamp = stampOf(pin)) => {
    if (told.startsWith(pinRefused)) wrong = { stamp, message: told };
  };
  return {
    message,
    note,
    async guarded(call) {
      const [known, stamp] = [message(), stampOf(pin)];
      if (known !== undefined) throw new BrokerError("KEY_DISABLED", known);
      try {
        return await call();
      } catch (error) {
        if (isBrokerError(error)) note(error.message, stamp);
        throw error;
      }
    },
  };
}

function stampOf(pin: SecretSource | undefined): string {
  try {
    return pin?.toJSON() ?? "";
  } catch {
    return "gone";
  }
}
