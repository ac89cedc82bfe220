// Builds what a configuration makes, with what the last one may hand on.

import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { openAuditLog } from "../audit/index.ts";
import type { AuditLogOptions, FileAuditLog } from "../audit/index.ts";
import { createBroker } from "../broker/index.ts";
import type { BrokerObserver } from "../broker/index.ts";
import type { Configuration } from "../config/index.ts";
import { createGrants } from "../grants/index.ts";
import { createIdentities } from "../identity/index.ts";
import type { IdentityEvents } from "../identity/index.ts";
import type { Graph } from "../operations/index.ts";
import { createPolicy } from "../policy/index.ts";
import { openStore, type Store } from "../store/index.ts";

/** The graph of a daemon. */
export interface DaemonGraph extends Graph {
  readonly audit: FileAuditLog;
}

/** What graphs are built with. */
export interface GraphParts {
  readonly observer: BrokerObserver;
  readonly identityEvents: IdentityEvents;
  readonly version: string;
  readonly auditNotice: NonNullable<AuditLogOptions["notice"]>;
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
  try {
    const grants = createGrants({ configuration, store });
    audit = kept ?? (await openAuditLog(auditOptions(configuration, parts)));
    const broker = await createBroker({ configuration, previous: previous?.broker, observer: parts.observer });
    return { configuration, identities, policy, broker, audit, grants, store };
  } catch (error) {
    identities.close();
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
  const keepsAudit = graph.audit === keep?.audit;
  const keepsStore = graph.store === keep?.store;
  if (keepsAudit && keepsStore) return;
  if (keep !== undefined) await setTimeout(graph.configuration.limits.callTimeoutMs, undefined, { ref: false });
  if (!keepsAudit) await graph.audit.close();
  if (!keepsStore) await graph.store?.close();
}
