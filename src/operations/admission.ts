// What stands between a permission and the act: emergency stops, then quotas.

import type { Soon } from "../broker/broker.ts";
import type { KeyConfiguration, Permission } from "../config/configuration.ts";
import type { Graph } from "./graph.ts";
import type { Asker, Subject } from "./operation.ts";

/** What a stop refuses: all that opens an envelope. Wrapping goes on, since backups that are not made are lost. */
const opening: ReadonlySet<Permission> = new Set<Permission>(["unwrap", "rewrap", "check"]);

/**
 * Refuses what is stopped, then charges the call to the quotas of the rule that allowed it. At once, unless counters
 * must be leased. Throws KEY_STOPPED, STORE_UNAVAILABLE, QUOTA.
 */
export function admit(
  graph: Graph,
  asker: Asker,
  permission: Permission,
  key: KeyConfiguration,
  subject: Subject,
): Soon<void> {
  if (opening.has(permission)) graph.stops.refuse(key);
  const { identity, record } = asker;
  const charge = { identity: identity.name, key: key.name, rule: record.rule!, envelope: record.envelope };
  const charged = graph.quotas.charge(charge);
  if (identity.within === undefined) return charged;
  return Promise.resolve(charged).then(() => chargeOuter(graph, asker, permission, key, subject));
}

/** A token within another identity is charged to that one, too: by many tokens nobody gets more. */
function chargeOuter(
  { policy, quotas }: Graph,
  { identity, record }: Asker,
  permission: Permission,
  { name: key }: KeyConfiguration,
  { context }: Subject,
): Soon<void> {
  const within = identity.within!;
  const outer = policy.decide({ identity: within, permission, key, context });
  if (outer.allowed) return quotas.charge({ identity: within.name, key, rule: outer.rule, envelope: record.envelope });
}
