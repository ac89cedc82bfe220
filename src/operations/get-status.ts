// GetStatus: how the daemon is.

import type { ProviderStatus } from "../broker/broker.ts";
import { denied } from "./operation.ts";
import type { Operation, Subject } from "./operation.ts";

export interface StatusResponse {
  readonly realm: string;
  readonly configurationDigest: string;
  readonly providers: readonly ProviderStatus[];
}

export const getStatus: Operation<object, StatusResponse, Subject, object> = {
  name: "admin.status",
  read: () => ({}),
  authorise(graph, identity) {
    const { allowed } = graph.policy.decide({ identity, permission: "admin.status", key: undefined });
    if (!allowed) throw denied(identity, "admin.status");
    return {};
  },
  act({ graph }) {
    const { realm, digest } = graph.configuration;
    return { realm, configurationDigest: digest, providers: graph.broker.providers() };
  },
};
