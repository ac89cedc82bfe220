// What of a key must be as this provider needs it, and the proof that a server binds what it says it binds.

import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import { bindingOf } from "../../src/provider/index.ts";
import type { MasterKey } from "../../src/provider/index.ts";
import { randomBytes, wipe } from "../../src/secret/index.ts";
import type { Key } from "./resources.ts";

/** Throws REQUEST_INVALID when this is another kind of key, or another name for one. */
export function checkKey(name: string, key: Key): void {
  if (key.name !== name)
    throw invalid(`Cloud KMS knows ${name} as ${String(key.name)}: write that name, it stands in every envelope`);
  if (key.purpose !== "ENCRYPT_DECRYPT")
    throw invalid(`the purpose of ${name} is ${String(key.purpose)}: only keys for ENCRYPT_DECRYPT can wrap`);
}

/** Throws KEY_DISABLED when the key has no version that wraps, PROVIDER_UNAVAILABLE while that is being made. */
export function checkPrimary(name: string, { primary }: Key): void {
  const state = primary?.state ?? "missing";
  if (state === "ENABLED") return;
  const reason =
    state.startsWith("PENDING_GEN") || state === "PENDING_IMPORT" ? "PROVIDER_UNAVAILABLE" : "KEY_DISABLED";
  const fix = "enable it, or make another version primary";
  throw new BrokerError(
    reason,
    `the primary version of ${name} is ${state.toLowerCase().replaceAll("_", " ")}: ${fix}`,
  );
}

const canaryBytes = 64;

/**
 * Wraps random bytes and unwraps them under another binding, which must be refused: a server that ignores associated
 * data is found out before it gets anything of worth. Its checksums are checked on the way, as in every call. Throws
 * PROVIDER_UNAVAILABLE when the server does not bind.
 */
export async function proveBinding(key: Pick<MasterKey, "wrap" | "unwrap">, signal: AbortSignal): Promise<void> {
  const canary = randomBytes(canaryBytes);
  try {
    const { wrapped, scheme } = await key.wrap(canary, canaryBinding(1), signal);
    const { material } = await key.unwrap(wrapped, scheme, canaryBinding(2), signal);
    wipe(material);
  } catch (error) {
    if (isBrokerError(error) && error.reason === "ENVELOPE_REFUSED") return;
    throw error;
  } finally {
    wipe(canary);
  }
  const message =
    "this server opens a blob under another binding than its own: it is not Cloud KMS, and nothing is wrapped with it";
  throw new BrokerError("PROVIDER_UNAVAILABLE", message);
}

function canaryBinding(share: number) {
  const facts = { suite: 1, realm: "keybroker", key: "binding-check", threshold: 1, recipients: 2 };
  return bindingOf({ ...facts, branchId: randomBytes(16), share });
}

function invalid(message: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", message);
}
