// What an administrator asks of a master key: its versions, a new one, another state of one.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { MasterKey } from "../provider/index.ts";
import type { MasterKeyAddress, Scope } from "./broker.ts";
import type { Key, Listed } from "./keyring.ts";
import type { ProviderOperation } from "./observer.ts";
import { within } from "./wait.ts";

type Optional = "versions" | "rotate" | "setVersionState";

/**
 * Finds the master key and carries out one of the optional operations. A change is asked for once: after a time-out
 * nobody knows whether the backend made it. Throws REQUEST_INVALID where there is no such master key, or its backend
 * cannot do it or refuses what was asked for.
 */
export async function administer<O extends Optional, T>(
  key: Key,
  address: MasterKeyAddress,
  operation: O & ProviderOperation,
  scope: Scope,
  work: (able: Required<Pick<MasterKey, O>>, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { provider, masterKey } = find(key, address);
  if (!isAble(masterKey, operation)) {
    const message = `provider ${provider.guard.name} cannot do ${operation} with ${masterKey.id}: use its own tools`;
    throw new BrokerError("REQUEST_INVALID", message);
  }
  await scope.beforeProvider();
  const call = provider.guard.call(operation, (signal) => work(masterKey, signal), { once: operation !== "versions" });
  return await within(call.catch(asInvalid), scope);
}

function isAble<O extends Optional>(
  masterKey: MasterKey,
  operation: O,
): masterKey is MasterKey & Required<Pick<MasterKey, O>> {
  return typeof masterKey[operation] === "function";
}

function find(key: Key, { provider, masterKeyId }: MasterKeyAddress): Listed {
  for (const listed of key.listed.values()) {
    if (listed.provider.guard.name === provider && listed.masterKey.id === masterKeyId) return listed;
  }
  const message = `key ${key.configuration.name} has no master key ${masterKeyId} of provider ${provider} that is known now`;
  throw new BrokerError("REQUEST_INVALID", message);
}

/** What the backend refused is the administrator's to put right; the guard knows no such reason. */
function asInvalid(error: unknown): never {
  const cause = isBrokerError(error) ? error.cause : undefined;
  throw isBrokerError(cause) && cause.reason === "REQUEST_INVALID" ? cause : error;
}
