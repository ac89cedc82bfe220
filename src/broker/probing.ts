// Looks at every master key, and mends what a look shows can be mended: branch keys that lack proof or recipients.

import type { Key, Keyring, Slot } from "./keyring.ts";
import { resolve } from "./keyring.ts";
import type { OpenProvider } from "./providers.ts";
import { probe } from "./recipients.ts";
import { renew } from "./sealing.ts";
import type { SealingSetting } from "./sealing.ts";

/** Looks at one provider at once: callers are not to wait behind them. */
const parallel = 4;

/**
 * Probes each master key of each provider once, and then makes a branch key for each key with a recipient that was never
 * proven, or whose branch key lacks one that is back. A provider that keeps failing is left alone after one look.
 * Never rejects.
 */
export async function probeAll(keyring: Keyring, setting: SealingSetting): Promise<void> {
  const byProvider = new Map<OpenProvider, { key: Key; slot: Slot }[]>();
  for (const key of keyring.values()) {
    for (const slot of key.slots) {
      const known = byProvider.get(slot.provider) ?? [];
      byProvider.set(slot.provider, [...known, { key, slot }]);
    }
  }
  await Promise.all([...byProvider].map(([provider, slots]) => probeProvider(provider, slots)));
  await Promise.all([...keyring.values()].filter(isWanting).map((key) => renew(key, setting)));
}

async function probeProvider({ guard }: OpenProvider, slots: { key: Key; slot: Slot }[]): Promise<void> {
  const seen = new Set<string>();
  const waiting = [...slots];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const failed = await probeSlot(next.key, next.slot, seen).then(
        () => false,
        () => true,
      );
      if (failed && guard.leftAlone) waiting.length = 0;
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
}

async function probeSlot(key: Key, slot: Slot, seen: Set<string>): Promise<void> {
  const { provider } = slot;
  const main = await resolve(key, slot);
  const unseen = [main, ...(main.unwrapOnly ?? [])].filter(({ id }) => !seen.has(id));
  for (const { id } of unseen) seen.add(id);
  const probes = await Promise.allSettled(unseen.map((masterKey) => probe({ provider, masterKey })));
  const failed = probes.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}

/** Whether a new branch key would prove a recipient, or bring one back, that can take it now. */
function isWanting({ configuration, slots, state }: Key): boolean {
  const wraps = slots.filter(({ unwrapOnly }) => !unwrapOnly);
  const healths = wraps.map(({ provider, masterKey }) => masterKey && provider.health.of(masterKey.id));
  const unproven = healths.some((health) => health?.enabled === true && !health.proven);
  const back = wraps.every(({ provider }, index) => healths[index]?.enabled === true && !provider.guard.leftAlone);
  return (configuration.verifyWrap && unproven) || (back && state.branches.missing() > 0);
}
