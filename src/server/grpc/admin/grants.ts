// GrantService on the wire.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { asciiCondition } from "../../../grants/index.ts";
import type { OpenGrant, ReadGrant } from "../../../grants/index.ts";
import { approveGrant, listGrants, openGrant, requestGrant, revokeGrant } from "../../../operations/index.ts";
import * as proto from "../../../proto/keybroker/admin/v1/grant_service_pb.ts";
import { rpc } from "../rpc.ts";

/** RequestGrant. */
export const requestGrantRpc = rpc({
  request: proto.RequestGrantRequestSchema,
  response: proto.RequestGrantResponseSchema,
  operation: requestGrant,
  format: ({ document, grant }): proto.RequestGrantResponse => ({
    $typeName: "keybroker.admin.v1.RequestGrantResponse",
    document,
    grant: formatGrant(grant),
  }),
});

/** ApproveGrant. */
export const approveGrantRpc = rpc({
  request: proto.ApproveGrantRequestSchema,
  response: proto.ApproveGrantResponseSchema,
  operation: approveGrant,
  format: ({ grant }): proto.ApproveGrantResponse => ({
    $typeName: "keybroker.admin.v1.ApproveGrantResponse",
    grant: formatGrant(grant),
  }),
});

/** OpenGrant. */
export const openGrantRpc = rpc({
  request: proto.OpenGrantRequestSchema,
  response: proto.OpenGrantResponseSchema,
  operation: openGrant,
  format: ({ grant }): proto.OpenGrantResponse => ({
    $typeName: "keybroker.admin.v1.OpenGrantResponse",
    grant: formatGrant(grant),
  }),
});

/** ListGrants. */
export const listGrantsRpc = rpc({
  request: proto.ListGrantsRequestSchema,
  response: proto.ListGrantsResponseSchema,
  operation: listGrants,
  format: ({ grants, nextPageToken }): proto.ListGrantsResponse => ({
    $typeName: "keybroker.admin.v1.ListGrantsResponse",
    grants: grants.map(formatGrant),
    nextPageToken,
  }),
});

/** RevokeGrant. */
export const revokeGrantRpc = rpc({
  request: proto.RevokeGrantRequestSchema,
  response: proto.RevokeGrantResponseSchema,
  operation: revokeGrant,
  format: ({ revoked }): proto.RevokeGrantResponse => ({
    $typeName: "keybroker.admin.v1.RevokeGrantResponse",
    revoked,
  }),
});

function formatGrant(grant: ReadGrant | OpenGrant): proto.Grant {
  const { id, statement, approvers } = grant;
  const revokedAtMs = "revokedAtMs" in grant ? grant.revokedAtMs : undefined;
  return {
    $typeName: "keybroker.admin.v1.Grant",
    id,
    realm: statement.realm,
    identity: statement.identity,
    keys: [...statement.keys],
    conditions: statement.when.map(asciiCondition),
    reason: statement.reason,
    startTime: timestampFromMs(statement.fromMs),
    endTime: timestampFromMs(statement.untilMs),
    maxUnwraps: statement.maxUnwraps,
    requester: statement.requester,
    approvers: [...approvers],
    uses: "uses" in grant ? grant.uses : 0,
    revokeTime: revokedAtMs === undefined ? undefined : timestampFromMs(revokedAtMs),
  };
}
