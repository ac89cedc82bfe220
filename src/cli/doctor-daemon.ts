// What a running daemon says of its providers, beside what doctor found by itself.

import type { Client, DaemonStatus } from "../client/index.ts";
import type { Configuration } from "../config/index.ts";
import type { Diagnosis } from "../doctor/index.ts";
import { failureOf } from "./failure.ts";

/** Where a daemon with this configuration answers `status`; undefined where only certificates lead there. */
export function adminAddress({ listeners }: Configuration): string | undefined {
  for (const listener of listeners.values()) {
    if (listener.admin && "unix" in listener) return `unix:${listener.unix}`;
  }
  return undefined;
}

/** The daemon's view of these providers; why there is none, where it cannot be had. */
export async function daemonsView(
  ask: (work: (client: Client) => Promise<DaemonStatus>) => Promise<DaemonStatus>,
  configuration: Configuration,
  names: readonly string[],
): Promise<Diagnosis[]> {
  try {
    const status = await ask((client) => client.status());
    const providers = status.providers.filter(({ name }) => names.includes(name));
    return [running(status, configuration), ...providers.map(viewOf)];
  } catch (error) {
    return [{ check: "status", outcome: "note", detail: `not known: ${failureOf(error).message}` }];
  }
}

function running({ version, startedAt, configurationDigest, reloadError }: DaemonStatus, { digest }: Configuration) {
  const since = startedAt === undefined ? "" : ` since ${startedAt.toISOString()}`;
  const detail = `version ${version} runs${since}`;
  if (configurationDigest === digest) return { check: "status", outcome: "good", detail } as const;
  const why = reloadError === "" ? "reload it: kill -HUP" : `its last reload was refused: ${reloadError}`;
  return {
    check: "status",
    outcome: "note",
    detail: `${detail}, with another configuration than this; ${why}`,
  } as const;
}

function viewOf(provider: DaemonStatus["providers"][number]): Diagnosis {
  const { name, reachable, canWrap, canUnwrap, lastCallAt, error } = provider;
  if (lastCallAt === undefined) return { check: name, outcome: "note", detail: "the daemon has not called it yet" };
  const words = [
    reachable ? "reachable" : "not reachable",
    canWrap ? "can wrap" : "cannot wrap",
    canUnwrap ? "can unwrap" : "cannot unwrap",
  ].join(", ");
  const detail = error === "" ? words : `${words}: ${error}`;
  if (reachable && canWrap && canUnwrap) return { check: name, outcome: "good", detail };
  const fix =
    "where doctor found it good, the daemon differs: its user, its environment, its network, or its configuration; " +
    "keybroker status shows its last error, and its log the cause";
  return { check: name, outcome: "bad", detail, fix, fault: "backend" };
}
