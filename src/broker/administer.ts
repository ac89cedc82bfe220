// What an administrator asks of a master key: its versions, a new one, another state of one.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { MasterKey, MasterKeyVersion } from "../provider/index.ts";
import type { MasterKeyAddress, Scope } from "./broker.ts";
import type { Guard } from "./guard.ts";
import type { Key } from "./keyring.ts";
import { within } from "./wait.ts";

/** Lists a master key's versions. */
export async function versions(key: Key, address: MasterKeyAddress, scope: Scope) {
  const { guard, masterKey } = find(key, address);
  const list = masterKey.versions?.bind(masterKey) ?? unable(guard, address, "list its versions");
  await scope.beforeProvider();
  return await carryOut(guard.call("versions", list), scope);
}

/** Has a new version made. It is asked for once: after a time-out nobody knows whether the backend made it. */
export async function rotate(key: Key, address: MasterKeyAddress, scope: Scope): Promise<string> {
  const { guard, masterKey } = find(key, address);
  const make = masterKey.rotate?.bind(masterKey) ?? unable(guard, address, words.rotate);
  await scope.beforeProvider();
  return await carryOut(guard.call("rotate", make, { once: true }), scope);
}

/** Has a version's state changed. */
export async function setVersionState(
  key: Key,
  address: MasterKeyAddress,
  { version, state }: Pick<MasterKeyVersion, "version" | "state">,
  scope: Scope,
): Promise<void> {
  const { guard, masterKey } = find(key, address);
  const change = masterKey.setVersionState?.bind(masterKey) ?? unable(guard, address, words.setVersionState);
  await scope.beforeProvider();
  await carryOut(
    guard.call("setVersionState", (signal) => change(version, state, signal), { once: true }),
    scope,
  );
}

/** Throws REQUEST_INVALID, as the change would, where the backend cannot make it. Nobody is asked. */
export function checkAble(key: Key, address: MasterKeyAddress, change: "rotate" | "setVersionState"): void {
  const { guard, masterKey } = find(key, address);
  if (masterKey[change] === undefined) unable(guard, address, words[change]);
}

const words = { rotate: "be rotated", setVersionState: "change a version's state" } as const;

function unable(guard: Guard, { masterKeyId }: MasterKeyAddress, what: string): never {
  const message = `provider ${guard.name} cannot have ${masterKeyId} ${what}: use the backend's own tools`;
  throw new BrokerError("REQUEST_INVALID", message);
}

function find(key: Key, { provider, masterKeyId }: MasterKeyAddress): { guard: Guard; masterKey: MasterKey } {
  for (const { provider: has, masterKey } of key.listed.values()) {
    if (has.guard.name === provider && masterKey.id === masterKeyId) return { guard: has.guard, masterKey };
  }
  const message = `key ${key.configuration.name} has no master key ${masterKeyId} of provider ${provider} that is known now`;
  throw new BrokerError("REQUEST_INVALID", message);
}

/** What the backend refused is the administrator's to put right; the guard knows no such reason. */
function carryOut<T>(call: Promise<T>, scope: Scope): Promise<T> {
  const told = call.catch((error: unknown) => {
    const cause = isBrokerError(error) ? error.cause : undefined;
    throw isBrokerError(cause) && cause.reason === "REQUEST_INVALID" ? cause : error;
  });
  return within(told, scope);
}
