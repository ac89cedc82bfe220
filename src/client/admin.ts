// What the admin services answer, as plain objects.

import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { KeyAdminService } from "../proto/keybroker/admin/v1/key_admin_service_pb.ts";
import type { Key, ListKeysResponse } from "../proto/keybroker/admin/v1/key_admin_service_pb.ts";
import { StatusService, type GetStatusResponse } from "../proto/keybroker/admin/v1/status_service_pb.ts";
import { operationOf } from "./operation.ts";
import type { DaemonStatus, KeyListing } from "./types.ts";

/** One page of keys, and the token of the next. */
export interface KeyPage {
  readonly keys: readonly KeyListing[];
  readonly nextPageToken: string;
}

/** ListKeys. */
export const listKeys = operationOf(KeyAdminService.method.listKeys, pageOf);

/** GetStatus. */
export const getStatus = operationOf(StatusService.method.getStatus, statusOf);

function pageOf(response: ListKeysResponse): KeyPage {
  return { keys: response.keys.map(listingOf), nextPageToken: response.nextPageToken };
}

function listingOf({ branchKeyCreateTime, ...key }: Key): KeyListing {
  return { ...key, branchKeyCreatedAt: dateOf(branchKeyCreateTime) };
}

function statusOf({ startTime, configurationTime, providers, ...status }: GetStatusResponse): DaemonStatus {
  return {
    ...status,
    startedAt: dateOf(startTime),
    configurationAt: dateOf(configurationTime),
    providers: providers.map(({ lastCallTime, ...provider }) => ({ ...provider, lastCallAt: dateOf(lastCallTime) })),
  };
}

function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp && timestampDate(timestamp);
}
