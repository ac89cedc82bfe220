// Builds what a configuration makes, with what the last one may hand on.

import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { openAuditLog } from "../audit/index.ts";
import type { AuditLogOptions, FileAuditLog } from "../audit/index.ts";
import { createBroker } from "../broker/index.ts";
import type { Broker, BrokerObserver } from "../broker/index.ts";
import type { Configuration } from "../config/index.ts";
import { createGrants } from "../grants/index.ts";
import { createIdentities } from "../identity/index.ts";
import type { IdentityEvents } from "../identity/index.ts";
import type { Graph } from "../operations/index.ts";
import { createPolicy } from "../policy/index.ts";
import { createQuotas, createQuotaState } from "../quota/index.ts";
import type { QuotaNotice, QuotaState } from "../quota/index.ts";
import { openStops } from "../stops/index.ts";
import type { Stops, StopsNotice } from "../stops/index.ts";
import { openStore, type Store } from "../store/index.ts";

/** The graph of a daemon. */
export interface DaemonGraph extends Graph {
  readonly audit: FileAuditLog;
  readonly quotaState: QuotaState;
  /** Ends the purges of this graph's broker by stops. */
  readonly endPurges: () => void;
}

/** What graphs are built with. */
export interface GraphParts {
  readonly observer: BrokerObserver;
  readonly identityEvents: IdentityEvents;
  readonly version: string;
  readonly auditNotice: NonNullable<AuditLogOptions["notice"]>;
  readonly quotaNotice: (notice: QuotaNotice) => void;
  readonly stopsNotice: (notice: StopsNotice) => void;
}

/**
 * Opens the audit log (kept while its configuration is the same), the providers and the rest. When a part cannot be made, those
 * made before it are closed again, and its error is thrown.
 */
export async function buildGraph(
  configuration: Configuration,
  parts: GraphParts,
  previous?: DaemonGraph,
): Promise<DaemonGraph> {
  const { identityEvents: events } = parts;
  const identities = await createIdentities(configuration, { events, previous: previous?.identities });
  const store = storeOf(configuration, previous);
  const policy = createPolicy(configuration.policy, configuration.groups);
  const kept = isSameAudit(configuration, previous?.configuration) ? previous!.audit : undefined;
  let audit: FileAuditLog | undefined;
  let stops: Stops | undefined;
  try {
    const grants = createGrants({ configuration, store });
    audit = kept ?? (await openAuditLog(auditOptions(configuration, parts)));
    stops = await stopsOf(configuration, store, parts, previous);
    const broker = await createBroker({ configuration, previous: previous?.broker, observer: parts.observer });
    const quotaState = previous?.store === store && previous ? previous.quotaState : createQuotaState(store);
    const { policy: rules, limits } = configuration;
    const quotas = createQuotas({ rules, limits, state: quotaState, notice: parts.quotaNotice });
    const endPurges = purgeOnStop(stops, broker);
    return { configuration, identities, policy, broker, audit, grants, quotas, quotaState, stops, endPurges, store };
  } catch (error) {
    identities.close();
    if (stops !== previous?.stops) stops?.close();
    if (store !== previous?.store) await store?.close();
    if (kept === undefined) await audit?.close();
    throw error;
  }
}

/** Kept while it is the same file. It is opened when it is first asked. */
function storeOf({ store }: Configuration, previous: DaemonGraph | undefined): Store | undefined {
  if (store === undefined) return undefined;
  return store.sqlite === previous?.configuration.store?.sqlite ? previous.store : openStore(store.sqlite);
}

/** Kept while it is over the same store and file; else what is stopped now stays so. */
async function stopsOf(
  configuration: Configuration,
  store: Store | undefined,
  { stopsNotice: notice }: GraphParts,
  previous: DaemonGraph | undefined,
): Promise<Stops> {
  const mirror = stopsFile(configuration);
  if (previous?.store === store && previous && stopsFile(previous.configuration) === mirror) return previous.stops;
  return await openStops({ store, mirror, known: previous?.stops.list(), notice });
}

/** Beside the store, or beside the audit's folder where there is none. */
function stopsFile({ store, audit }: Configuration): string {
  return join(dirname(store?.sqlite ?? audit.folder), "stops.json");
}

/** A stop of a key that this configuration does not have purges nothing. */
function purgeOnStop(stops: Stops, broker: Broker): () => void {
  return stops.onStop((name) => {
    const key = name === undefined ? undefined : broker.key(name);
    if (name === undefined || key !== undefined) broker.purge(key);
  });
}

function auditOptions({ audit, realm }: Configuration, { auditNotice, version }: GraphParts): AuditLogOptions {
  const { signingKey, ...options } = audit;
  return { ...options, ...(signingKey && { signingKey }), realm, version, notice: auditNotice };
}

function isSameAudit(one: Configuration, other: Configuration | undefined): boolean {
  return isDeepStrictEqual([one.audit, one.realm], [other?.audit, other?.realm]);
}

/** Closes a graph but for what `keep` shares with it: calls under way on it end first. */
export async function closeGraph(graph: DaemonGraph, keep: DaemonGraph | undefined): Promise<void> {
  graph.identities.close();
  await graph.broker.close(keep?.broker);
  graph.endPurges();
  const keepsAudit = graph.audit === keep?.audit;
  const keepsStore = graph.store === keep?.store;
  if (graph.stops !== keep?.stops) graph.stops.close();
  if (keepsAudit && keepsStore) return;
  if (keep !== undefined) await setTimeout(graph.configuration.limits.callTimeoutMs, undefined, { ref: false });
  if (!keepsAudit) await graph.audit.close();
  if (graph.quotaState !== keep?.quotaState) await graph.quotaState.close();
  if (!keepsStore) await graph.store?.close();
}
