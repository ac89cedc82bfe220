// What the broker says of its keys, its providers and the recipients of an envelope.

import type { Envelope } from "../envelope/index.ts";
import type { Broker, KeyStatus, ProviderStatus } from "./broker.ts";
import { listedOf } from "./judge.ts";
import type { Key } from "./keyring.ts";
import type { OpenProvider, OpenProviders } from "./providers.ts";

/** A key's state, for `keys list`. */
export function keyStatus({ configuration, slots, state }: Key): KeyStatus {
  const recipients = slots.map(({ provider, masterKey, unwrapOnly }) => {
    const { name } = provider.guard;
    const { kind } = provider.kind;
    return { provider: name, kind, masterKeyId: masterKey?.id, unwrapOnly, protection: masterKey?.protection };
  });
  return { configuration, recipients, branchKey: state.branches.status() };
}

/** A provider's state: reachable means that its latest call got an answer. */
export function providerStatus({ configuration, guard }: OpenProvider): ProviderStatus {
  const { lastCallAt, outage } = guard.status();
  const { name, kind } = configuration;
  const reachable = lastCallAt !== undefined && !outage;
  return { name, kind, lastCallAt, reachable, canWrap: reachable, canUnwrap: reachable, error: outage?.message };
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
