// The question that `keybroker policy explain` puts to a policy, made of its flags and the configuration.

import { bringsContext, namesKey, permissions } from "../config/index.ts";
import type { Configuration, Permission } from "../config/index.ts";
import { usage } from "./failure.ts";
import { required } from "./flags.ts";
import { contextOf, uniquePairs } from "./pairs.ts";

/** The flags. */
export interface ExplainSettings {
  readonly identity?: string;
  readonly operation?: string;
  readonly key?: string;
  readonly context: readonly string[];
  readonly attribute: readonly string[];
  readonly at?: string;
}

/** Whoever must be allowed. */
interface Asker {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The question. */
export interface PolicyQuestion {
  /** More than one where an identity comes in over another's connection: all of them must be allowed. */
  readonly identities: readonly Asker[];
  readonly permission: Permission;
  /** The key's present name; undefined where the operation is about no key. */
  readonly key: string | undefined;
  /** False when the configuration has no such key: nobody may do anything with it then. */
  readonly keyExists: boolean;
  /** Undefined where the operation brings none. */
  readonly context: Readonly<Record<string, string>> | undefined;
  readonly nowMs: number;
}

/** Makes the question. Throws a usage error where the flags and the configuration do not go together. */
export function questionOf(configuration: Configuration, settings: ExplainSettings): PolicyQuestion {
  const permission = permissionOf(required(settings.operation, "--operation", "KEYBROKER_OPERATION"));
  const identity = required(settings.identity, "--identity", "KEYBROKER_IDENTITY");
  return {
    identities: askersOf(configuration, identity, attributesOf(settings.attribute)),
    permission,
    ...keyOf(configuration, permission, settings.key),
    context: contextFor(permission, settings.context),
    nowMs: timeOf(settings.at),
  };
}

function permissionOf(operation: string): Permission {
  const found = permissions.find((permission) => permission === operation);
  if (found === undefined) throw usage(`--operation "${operation}" is none of ${permissions.join(", ")}`);
  return found;
}

function askersOf(configuration: Configuration, name: string, given: Readonly<Record<string, string>>): Asker[] {
  const { identities, listeners } = configuration;
  const socket = [...listeners.values()].find((one) => "unix" in one && one.identity === name);
  const known = identities.get(name) ?? (socket !== undefined && "unix" in socket ? socket : undefined);
  if (known === undefined) throw usage(`there is no identity "${name}" in the configuration`);
  const asker = { name, attributes: { ...known.attributes, ...given } };
  const within = identities.get(name)?.within;
  return within === undefined ? [asker] : [asker, ...askersOf(configuration, within, {})];
}

function attributesOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(uniquePairs("--attribute", pairs, () => undefined));
}

function keyOf({ keys }: Configuration, permission: Permission, key: string | undefined) {
  if (!namesKey(permission)) {
    if (key !== undefined) throw usage(`${permission} is about no key: leave --key out`);
    return { key: undefined, keyExists: true };
  }
  const name = required(key, "--key", "KEYBROKER_KEY_NAME");
  const present = [...keys.values()].find((one) => one.name === name || one.formerNames.includes(name));
  return { key: present?.name ?? name, keyExists: present !== undefined };
}

function contextFor(permission: Permission, pairs: readonly string[]): Record<string, string> | undefined {
  if (bringsContext(permission)) return contextOf(pairs);
  if (pairs.length > 0) throw usage(`${permission} brings no context: leave --context out`);
  return undefined;
}

/** A time says its zone: the machine's own would give another answer elsewhere. */
const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

function timeOf(at: string | undefined): number {
  if (at === undefined) return Date.now();
  const found = timePattern.test(at) ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(found)) throw usage(`--at "${at}": write a time with its zone, such as 2026-11-21T08:00:00Z`);
  return found;
}
