// Authorises what is about a key.

import type { Soon } from "../broker/broker.ts";
import type { KeyConfiguration, Permission } from "../config/configuration.ts";
import { admit } from "./admission.ts";
import { denied } from "./denied.ts";
import type { Graph } from "./graph.ts";
import { grantNeeds, underGrant } from "./granted.ts";
import type { Asker, Subject } from "./operation.ts";

/**
 * Authorises a permission on the subject's key: the policy, stops, quotas, and a grant where the rule asks for one. A key
 * that does not exist and one that is not the identity's take the same steps and get the same answer.
 */
export function onKey(permission: Permission) {
  const permit = onPlainKey(permission);
  return (graph: Graph, asker: Asker, subject: Subject): Soon<KeyConfiguration> => {
    const key = permit(graph, asker, subject);
    const admitted = admit(graph, asker, permission, key, subject);
    const needs = grantNeeds(graph, asker, permission, key, subject);
    if (needs === undefined && admitted === undefined) return key;
    return Promise.resolve(admitted)
      .then(() => needs && underGrant(graph, asker, key, subject, needs))
      .then(() => key);
  };
}

/** The policy alone, for administration: the configuration lets no rule ask for a quota or a grant of it. */
export function onPlainKey(permission: Permission) {
  return (graph: Graph, asker: Asker, subject: Subject): KeyConfiguration => {
    const { identity } = asker;
    const asked = subject.keyName ?? "";
    const key = graph.broker.key(asked);
    const decision = graph.policy.decide({ identity, permission, key: key?.name ?? asked, context: subject.context });
    if (key === undefined || !decision.allowed) throw denied(asker, permission, asked);
    asker.record.decision = "allowed";
    asker.record.rule = decision.rule;
    return key;
  };
}
