// The admin services: requests from plain objects, answers as plain objects.

import { randomUUID } from "node:crypto";
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { KeyAdminService, ListKeysRequestSchema } from "../proto/keybroker/admin/v1/key_admin_service_pb.ts";
import type { Key, ListKeysResponse } from "../proto/keybroker/admin/v1/key_admin_service_pb.ts";
import * as proto from "../proto/keybroker/admin/v1/master_key_service_pb.ts";
import { GetStatusRequestSchema, StatusService } from "../proto/keybroker/admin/v1/status_service_pb.ts";
import type { GetStatusResponse } from "../proto/keybroker/admin/v1/status_service_pb.ts";
import { operationOf, requestOf, type Operation } from "./operation.ts";
import type {
  CallOptions,
  Client,
  ChangedMasterKeyVersion,
  DaemonStatus,
  KeyListing,
  MasterKeyChange,
  MasterKeyVersion,
  MasterKeyVersions,
  MasterKeyVersionState,
  RotatedMasterKey,
} from "./types.ts";

/** What of a client calls the admin services. */
type Admin = Pick<
  Client,
  "listKeys" | "status" | "listMasterKeyVersions" | "rotateMasterKey" | "setMasterKeyVersionState"
>;

/** Makes one call; the request is wiped by it. */
type CallOne = (operation: Operation, request: Buffer, options?: CallOptions) => Promise<unknown>;

const pageSize = 1000;

/** The admin calls of a client, each over `call`. */
export function adminOf(call: CallOne): Admin {
  return {
    listKeys: (options) =>
      everyPage<KeyListing, KeyPage>(
        (pageToken) => call(listKeys, requestOf(ListKeysRequestSchema, { pageSize, pageToken }), options),
        ({ keys }) => keys,
      ).then(({ items }) => items),
    status: (options) => call(getStatus, requestOf(GetStatusRequestSchema, {}), options) as Promise<DaemonStatus>,
    async listMasterKeyVersions(input, options) {
      const schema = proto.ListMasterKeyVersionsRequestSchema;
      const { items, last } = await everyPage<MasterKeyVersion, VersionPage>(
        (pageToken) => call(listVersions, requestOf(schema, { ...input, pageSize, pageToken }), options),
        ({ versions }) => versions,
      );
      return { provider: last.provider, masterKeyId: last.masterKeyId, versions: items };
    },
    async rotateMasterKey(input, options) {
      const request = requestOf(proto.RotateMasterKeyRequestSchema, identified(input));
      return (await call(rotate, request, options)) as RotatedMasterKey;
    },
    async setMasterKeyVersionState({ state, ...input }, options) {
      const change = { ...identified(input), version: input.version, state: wireStates[state] };
      const request = requestOf(proto.SetMasterKeyVersionStateRequestSchema, change);
      return (await call(setState, request, options)) as ChangedMasterKeyVersion;
    },
  };
}

interface Page {
  readonly nextPageToken: string;
}

interface KeyPage extends Page {
  readonly keys: readonly KeyListing[];
}

type VersionPage = Page & MasterKeyVersions;

async function everyPage<Item, Answer extends Page>(
  ask: (pageToken: string) => Promise<unknown>,
  itemsOf: (page: Answer) => readonly Item[],
): Promise<{ items: Item[]; last: Answer }> {
  const items: Item[] = [];
  let pageToken = "";
  for (;;) {
    const page = (await ask(pageToken)) as Answer;
    items.push(...itemsOf(page));
    pageToken = page.nextPageToken;
    if (pageToken === "") return { items, last: page };
  }
}

function identified({ key, provider, masterKeyId, requestId, validateOnly }: MasterKeyChange) {
  return { key, provider, masterKeyId, requestId: requestId ?? randomUUID(), validateOnly };
}

const listKeys = operationOf(KeyAdminService.method.listKeys, pageOfKeys);
const getStatus = operationOf(StatusService.method.getStatus, statusOf);
const listVersions = operationOf(proto.MasterKeyService.method.listMasterKeyVersions, pageOfVersions);
const rotate = operationOf(proto.MasterKeyService.method.rotateMasterKey);
const setState = operationOf(proto.MasterKeyService.method.setMasterKeyVersionState, changedOf);

const wireStates = {
  primary: proto.MasterKeyVersionState.PRIMARY,
  enabled: proto.MasterKeyVersionState.ENABLED,
  disabled: proto.MasterKeyVersionState.DISABLED,
} satisfies Record<MasterKeyVersionState, proto.MasterKeyVersionState>;

const stateNames = new Map<number, MasterKeyVersionState>(
  Object.entries(wireStates).map(([name, number]) => [number, name as MasterKeyVersionState]),
);

function pageOfKeys(response: ListKeysResponse): KeyPage {
  return { keys: response.keys.map(listingOf), nextPageToken: response.nextPageToken };
}

function listingOf({ branchKeyCreateTime, ...key }: Key): KeyListing {
  return { ...key, branchKeyCreatedAt: dateOf(branchKeyCreateTime) };
}

function pageOfVersions({ versions, ...page }: proto.ListMasterKeyVersionsResponse): VersionPage {
  return { ...page, versions: versions.map(versionOf) };
}

function changedOf({ provider, masterKeyId, masterKeyVersion }: proto.SetMasterKeyVersionStateResponse) {
  const version = masterKeyVersion && versionOf(masterKeyVersion);
  return { provider, masterKeyId, version } as ChangedMasterKeyVersion;
}

function versionOf({ version, state, createTime }: proto.MasterKeyVersion): MasterKeyVersion {
  return { version, state: stateNames.get(state), createdAt: dateOf(createTime) };
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
