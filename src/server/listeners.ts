// All listeners of a configuration: opened together, changed together, closed together.

import type { Configuration, ListenerConfiguration } from "../config/configuration.ts";
import { addressOf } from "./address.ts";
import type { Listener, ListenerParts } from "./listener.ts";
import { openListener } from "./listener.ts";

/** The listeners in force. */
export interface Listeners {
  list(): readonly Listener[];
  /** Binds what a new configuration adds; throws ListenError, with nothing changed, when one cannot be bound. */
  prepare(configuration: Configuration): Promise<Prepared>;
  /** Unbinds all at once and ends their connections within `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** A configuration's listeners, bound and not yet in force: their calls are answered under the old one. */
export interface Prepared {
  /** Puts them in force: new settings for kept addresses, and the rest closed. */
  commit(): void;
  /** Closes what was bound. */
  abandon(): Promise<void>;
}

/** Opens every listener, or none. Throws ListenError. */
export async function openListeners(configuration: Configuration, parts: ListenerParts): Promise<Listeners> {
  const open = await openAll([...configuration.listeners.values()], configuration, parts);
  const leaving = new Set<Promise<void>>();
  return {
    list: () => [...open.values()],
    async prepare(next) {
      const wanted = new Map([...next.listeners.values()].map((listener) => [addressOf(listener), listener]));
      const added = [...wanted.values()].filter((listener) => !open.has(addressOf(listener)));
      const opened = await openAll(added, next, parts);
      const commit = () => {
        for (const [address, listener] of open) {
          const settings = wanted.get(address);
          if (settings !== undefined) listener.update(settings, next);
          else leave(open, address, leaving, next.limits.drainTimeoutMs);
        }
        for (const [address, listener] of opened) open.set(address, listener);
      };
      return { commit, abandon: () => closeAll(opened, 0) };
    },
    async close(graceMs) {
      await Promise.all([closeAll(open, graceMs), ...leaving]);
      open.clear();
    },
  };
}

function leave(open: Map<string, Listener>, address: string, leaving: Set<Promise<void>>, graceMs: number): void {
  const closing = open
    .get(address)!
    .close(graceMs)
    .finally(() => leaving.delete(closing));
  open.delete(address);
  leaving.add(closing);
}

async function closeAll(listeners: ReadonlyMap<string, Listener>, graceMs: number): Promise<void> {
  await Promise.all([...listeners.values()].map((listener) => listener.close(graceMs)));
}

async function openAll(
  listeners: readonly ListenerConfiguration[],
  configuration: Configuration,
  parts: ListenerParts,
): Promise<Map<string, Listener>> {
  const open = new Map<string, Listener>();
  try {
    for (const listener of listeners) {
      open.set(addressOf(listener), await openListener(listener, configuration, parts));
    }
  } catch (error) {
    await closeAll(open, 0);
    throw error;
  }
  return open;
}
