// GetStatus: how the daemon is.

import type { ProviderStatus } from "../broker/broker.ts";
import { denied } from "./denied.ts";
import type { Operation, Subject } from "./operation.ts";

export interface StatusResponse {
  readonly realm: string;
  readonly configurationDigest: string;
  readonly providers: readonly ProviderStatus[];
}

export const getStatus: Operation<object, StatusResponse, Subject, object> = {
  name: "admin.status",
  read: () => ({}),
  authorise(graph, asker) {
    const { identity } = asker;
    const decision = graph.policy.decide({ identity, permission: "admin.status", key: undefined });
    if (!decision.allowed) throw denied(asker, "admin.status");
    asker.record.decision = "allowed";
    asker.record.rule = decision.rule;
    return {};
  },
  act({ graph }) {
    const { realm, digest } = graph.configuration;
    return { realm, configurationDigest: digest, providers: graph.broker.providers() };
  },
};
