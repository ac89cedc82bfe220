// MasterKeyService on the wire.

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { listMasterKeyVersions, rotateMasterKey, setMasterKeyVersionState } from "../../../operations/index.ts";
import type { MasterKeyVersion } from "../../../operations/index.ts";
import * as proto from "../../../proto/keybroker/admin/v1/master_key_service_pb.ts";
import { rpc } from "../rpc.ts";

/** ListMasterKeyVersions. */
export const listMasterKeyVersionsRpc = rpc({
  request: proto.ListMasterKeyVersionsRequestSchema,
  response: proto.ListMasterKeyVersionsResponseSchema,
  operation: listMasterKeyVersions,
  format: ({ versions, ...answer }): proto.ListMasterKeyVersionsResponse => ({
    $typeName: "keybroker.admin.v1.ListMasterKeyVersionsResponse",
    ...answer,
    versions: versions.map(formatVersion),
  }),
});

/** RotateMasterKey. */
export const rotateMasterKeyRpc = rpc({
  request: proto.RotateMasterKeyRequestSchema,
  response: proto.RotateMasterKeyResponseSchema,
  operation: rotateMasterKey,
  format: (answer): proto.RotateMasterKeyResponse => ({
    $typeName: "keybroker.admin.v1.RotateMasterKeyResponse",
    ...answer,
  }),
});

/** SetMasterKeyVersionState. */
export const setMasterKeyVersionStateRpc = rpc({
  request: proto.SetMasterKeyVersionStateRequestSchema,
  response: proto.SetMasterKeyVersionStateResponseSchema,
  operation: setMasterKeyVersionState,
  format: ({ provider, masterKeyId, version }): proto.SetMasterKeyVersionStateResponse => ({
    $typeName: "keybroker.admin.v1.SetMasterKeyVersionStateResponse",
    provider,
    masterKeyId,
    masterKeyVersion: formatVersion(version),
  }),
});

const states = {
  primary: proto.MasterKeyVersionState.PRIMARY,
  enabled: proto.MasterKeyVersionState.ENABLED,
  disabled: proto.MasterKeyVersionState.DISABLED,
} satisfies Record<MasterKeyVersion["state"], proto.MasterKeyVersionState>;

function formatVersion({ version, state, createdAt }: MasterKeyVersion): proto.MasterKeyVersion {
  return {
    $typeName: "keybroker.admin.v1.MasterKeyVersion",
    version,
    state: states[state],
    createTime: createdAt && timestampFromDate(createdAt),
  };
}
