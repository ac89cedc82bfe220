// What the broker says of its keys, its providers and the recipients of an envelope.

import type { Envelope } from "../envelope/index.ts";
import type { Broker, KeyStatus, ProviderStatus } from "./broker.ts";
import { listedOf } from "./judge.ts";
import type { Key, Keyring } from "./keyring.ts";
import type { OpenProvider, OpenProviders } from "./providers.ts";

/** A key's state, for `keys list`. */
export function keyStatus({ configuration, slots, state }: Key): KeyStatus {
  const recipients = slots.map(({ provider, masterKey, unwrapOnly }) => {
    const { name } = provider.guard;
    const { kind } = provider.kind;
    const { id: masterKeyId, protection, wrapLimit } = masterKey ?? {};
    return { provider: name, kind, masterKeyId, unwrapOnly, protection, wrapLimit };
  });
  return { configuration, recipients, branchKey: state.branches.status() };
}

/** A provider's state: reachable means that its latest call got an answer. */
export function providerStatus(provider: OpenProvider, keyring: Keyring): ProviderStatus {
  const { name, kind } = provider.configuration;
  const { lastCallAt, outage } = provider.guard.status();
  const reachable = lastCallAt !== undefined && !outage;
  const found = [...keyring.values()].flatMap((key) => findingsOf(key, provider));
  const error = outage?.message ?? found.find(({ fault }) => fault)?.fault?.message;
  return {
    name,
    kind,
    lastCallAt,
    reachable,
    canWrap: reachable && found.every(({ wraps }) => wraps),
    canUnwrap: reachable && found.every(({ enabled }) => enabled),
    error,
  };
}

/** Whether each of a key's recipients at this provider does what the key needs of it. */
function findingsOf({ configuration: { verifyWrap }, slots }: Key, { guard, health }: OpenProvider) {
  const own = slots.filter(({ provider }) => provider.guard === guard);
  return own.map(({ masterKey, unwrapOnly }) => {
    if (!masterKey) return { enabled: false, wraps: unwrapOnly, fault: undefined };
    const { enabled, proven, fault } = health.of(masterKey.id);
    const others = (masterKey.unwrapOnly ?? []).map(({ id }) => health.of(id));
    return {
      enabled: enabled && others.every((other) => other.enabled),
      wraps: unwrapOnly || (enabled && (proven || !verifyWrap)),
      fault: fault ?? others.find((other) => other.fault)?.fault,
    };
  });
}

/** Who the recipients of an envelope are; a kind that no provider here has goes by its number. */
export function recipientsOf(
  key: Key | undefined,
  providers: OpenProviders,
  { recipients }: Envelope,
): ReturnType<Broker["recipientsOf"]> {
  const kinds = new Map([...providers.values()].map(({ kind }) => [kind.number, kind.kind]));
  return recipients.map((recipient) => {
    const kind = kinds.get(recipient.kind) ?? String(recipient.kind);
    return { provider: (key && listedOf(key, recipient)?.provider.guard.name) ?? "", kind };
  });
}
