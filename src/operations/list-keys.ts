// ListKeys: the keys that an administrator may see, by name, a page at a time.

import type { KeyStatus } from "../broker/broker.ts";
import { denied } from "./denied.ts";
import type { Operation, Subject } from "./operation.ts";
import { checkPageSize, defaultPageSize } from "./pages.ts";

export interface ListKeysRequest {
  /** 0 means 100. */
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListKeysResponse {
  readonly keys: readonly KeyStatus[];
  readonly nextPageToken: string;
}

export const listKeys: Operation<ListKeysRequest, ListKeysResponse, Subject, readonly KeyStatus[]> = {
  name: "admin.keys.list",
  read(request) {
    checkPageSize(request.pageSize);
    return {};
  },
  authorise(graph, asker) {
    const { identity } = asker;
    const visible = graph.broker.keys().filter((status) => {
      const key = status.configuration.name;
      return graph.policy.decide({ identity, permission: "admin.keys.list", key }).allowed;
    });
    if (visible.length === 0) throw denied(asker, "admin.keys.list");
    asker.record.decision = "allowed";
    return visible;
  },
  act({ request }, visible) {
    const size = request.pageSize || defaultPageSize;
    const after = visible
      .filter((status) => status.configuration.name > request.pageToken)
      .sort((a, b) => (a.configuration.name < b.configuration.name ? -1 : 1));
    const keys = after.slice(0, size);
    return { keys, nextPageToken: after.length > size ? keys[size - 1]!.configuration.name : "" };
  },
};
