// Authorises what is about no key.

import type { Permission } from "../config/configuration.ts";
import type { Graph } from "./graph.ts";
import { denied } from "./denied.ts";
import type { Asker } from "./operation.ts";

/** Authorises a permission that names no key. Throws DENIED. */
export function onNoKey(permission: Permission) {
  return (graph: Graph, asker: Asker): object => {
    const { identity, record } = asker;
    const decision = graph.policy.decide({ identity, permission, key: undefined });
    if (!decision.allowed) throw denied(asker, permission);
    record.decision = "allowed";
    record.rule = decision.rule;
    return {};
  };
}
