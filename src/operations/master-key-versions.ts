// ListMasterKeyVersions: the versions of a master key, as its backend tells them.

import type { Broker } from "../broker/broker.ts";
import { onMasterKey, readMasterKey } from "./master-key.ts";
import type { MasterKeyRequest, MasterKeySubject, MeantMasterKey } from "./master-key.ts";
import type { Operation } from "./operation.ts";
import { checkPageSize, pageOf } from "./pages.ts";

/** A version, in the backend's words. */
export type MasterKeyVersion = Awaited<ReturnType<Broker["versions"]>>[number];

export interface ListMasterKeyVersionsRequest extends MasterKeyRequest {
  /** 0 means 100. */
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListMasterKeyVersionsResponse {
  readonly provider: string;
  readonly masterKeyId: string;
  /** The newest last. */
  readonly versions: readonly MasterKeyVersion[];
  readonly nextPageToken: string;
}

export const listMasterKeyVersions: Operation<
  ListMasterKeyVersionsRequest,
  ListMasterKeyVersionsResponse,
  MasterKeySubject,
  MeantMasterKey
> = {
  name: "admin.masterkeys.list",
  read(request) {
    checkPageSize(request.pageSize);
    return readMasterKey(request);
  },
  authorise: onMasterKey("admin.masterkeys.list"),
  async act({ graph, request, scope }, meant) {
    const all = await graph.broker.versions(meant, scope);
    const { items: versions, nextPageToken } = pageOf(all, ({ version }) => version, request);
    return { provider: meant.provider, masterKeyId: meant.masterKeyId, versions, nextPageToken };
  },
};
